use customerio_mcp::state::{CachedPerson, Declaration, Lease, StoredStrategy, StrategyDeclaration};

use super::{material::*, with_each_store};

fn strategy(document: &str) -> StoredStrategy {
    StoredStrategy { document: document.to_owned(), declared_by: "configuration".to_owned(), declared_at_ms: NOW_MS }
}

fn declaration(document: &str, replace: bool) -> StrategyDeclaration {
    StrategyDeclaration { workspace: SHOP.to_owned(), strategy: strategy(document), replace }
}

#[tokio::test]
async fn a_strategy_is_declared_once_and_replaced_only_on_purpose() {
    with_each_store(|store| async move {
        assert_eq!(store.identity_strategy(SHOP.to_owned()).await.unwrap(), None);
        let declare = |document, replace| store.declare_identity_strategy(declaration(document, replace));
        assert_eq!(declare("one", false).await.unwrap(), Declaration::Declared);
        assert_eq!(declare("two", false).await.unwrap(), Declaration::AlreadyDeclared(strategy("one")));
        assert_eq!(store.identity_strategy(SHOP.to_owned()).await.unwrap(), Some(strategy("one")));
        assert_eq!(declare("two", true).await.unwrap(), Declaration::Declared);
        assert_eq!(store.identity_strategy(SHOP.to_owned()).await.unwrap(), Some(strategy("two")));
        assert_eq!(store.identity_strategy("other".to_owned()).await.unwrap(), None);
    })
    .await;
}

fn person(key: &str, person: &str) -> CachedPerson {
    CachedPerson {
        key: digest(key),
        person: digest(person),
        sealed: key.as_bytes().to_vec(),
        expires_at_ms: NOW_MS + 10 * MINUTE_MS,
    }
}

#[tokio::test]
async fn people_are_remembered_until_they_expire_and_forgotten_under_all_their_identifiers() {
    with_each_store(|store| async move {
        let people = vec![person("id:1", "a"), person("email:a@x", "a"), person("id:2", "b")];
        store.remember_people(SHOP.to_owned(), people).await.unwrap();
        let look = |now_ms| {
            let keys = vec![digest("id:2"), digest("nobody"), digest("email:a@x"), digest("id:1")];
            store.cached_people(SHOP.to_owned(), keys, now_ms)
        };
        assert_eq!(
            look(NOW_MS).await.unwrap(),
            [Some(person("id:2", "b")), None, Some(person("email:a@x", "a")), Some(person("id:1", "a"))]
        );
        assert_eq!(look(NOW_MS + 10 * MINUTE_MS).await.unwrap(), [None, None, None, None]);
        store.forget_people("other".to_owned(), vec![digest("id:1")]).await.unwrap();
        store.forget_people(SHOP.to_owned(), vec![digest("id:1"), digest("nobody")]).await.unwrap();
        assert_eq!(look(NOW_MS).await.unwrap(), [Some(person("id:2", "b")), None, None, None]);
    })
    .await;
}

#[tokio::test]
async fn a_lease_is_held_by_one_until_given_back_or_lapsed() {
    with_each_store(|store| async move {
        let lease = |holder: &str| Lease {
            workspace: SHOP.to_owned(),
            name: digest("id:1"),
            holder: holder.to_owned(),
            until_ms: NOW_MS + SECOND_MS,
        };
        assert!(store.acquire_lease(lease("one"), NOW_MS).await.unwrap());
        assert!(store.acquire_lease(lease("one"), NOW_MS).await.unwrap(), "its holder takes it again");
        assert!(!store.acquire_lease(lease("two"), NOW_MS).await.unwrap());
        store.release_lease(lease("two")).await.unwrap();
        assert!(!store.acquire_lease(lease("two"), NOW_MS).await.unwrap(), "only its holder gives it back");
        assert!(store.acquire_lease(lease("two"), NOW_MS + SECOND_MS).await.unwrap(), "it lapsed");
        store.release_lease(lease("two")).await.unwrap();
        assert!(store.acquire_lease(lease("three"), NOW_MS).await.unwrap());
    })
    .await;
}
