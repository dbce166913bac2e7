//! Configuration: where it comes from, what it amounts to, and how it refuses.

use std::{fs, path::PathBuf, sync::Arc};

use customerio_mcp::{
    clock::{AdjustableClock, SharedClock},
    config::{Config, Environment, LoadOptions, Purpose, Region, Source, StateConfig, schema},
    guard::policy::{Budgets, CallerBudgets, Decision, Pii, WorkspaceKind},
};
use insta::assert_snapshot;
use tempfile::TempDir;

/// A directory of its own and an environment that begins with a home in it.
struct Setting {
    directory: TempDir,
    variables: Vec<(String, String)>,
    options: LoadOptions,
}

impl Setting {
    fn new() -> Self {
        let directory = crate::kept::directory();
        let home = directory.path().join("home").to_string_lossy().into_owned();
        let variables = ["HOME", "LOCALAPPDATA"].map(|name| (name.to_owned(), home.clone())).to_vec();
        Self { directory, variables, options: LoadOptions::default() }
    }

    fn live() -> Self {
        Self::new().variable("CUSTOMERIO_APP_API_KEY", "app-key")
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    /// The file that is found without being named.
    fn toml(self, text: &str) -> Self {
        self.file("customerio-mcp.toml", text)
    }

    fn options(mut self, change: impl FnOnce(&mut LoadOptions)) -> Self {
        change(&mut self.options);
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn load(&self) -> Config {
        self.try_load().unwrap()
    }

    fn try_load(&self) -> Result<Config, String> {
        let env = Environment::new(self.variables.clone(), self.directory.path());
        Config::load(&env, &self.options).map_err(|error| {
            let directory = self.directory.path().to_string_lossy().into_owned();
            error.to_string().replace(&format!("{directory}/"), "")
        })
    }

    fn refusal(&self) -> String {
        self.try_load().expect_err("the configuration is refused")
    }
}

fn clock() -> SharedClock {
    Arc::new(AdjustableClock::running().with_seed(7))
}

#[test]
fn the_environment_alone_describes_one_workspace() {
    let config = Setting::live()
        .variable("CUSTOMERIO_SITE_ID", "site")
        .variable("CUSTOMERIO_TRACKING_API_KEY", " track-key ")
        .variable("CUSTOMERIO_CDP_WRITE_KEY", "")
        .variable("CUSTOMERIO_REGION", "EU")
        .variable("CUSTOMERIO_APP_URL", "https://proxy.shop.example/cio/")
        .load();
    assert_eq!(config.source, Source::Environment);
    let workspace = config.workspace();
    assert_eq!(
        (workspace.name.as_str(), workspace.kind, workspace.region),
        ("default", WorkspaceKind::Live, Region::Eu)
    );
    let track = workspace.track.as_ref().unwrap();
    assert_eq!((track.site_id.as_str(), track.api_key.expose()), ("site", "track-key"));
    assert_eq!(workspace.app_api_key.as_ref().unwrap().expose(), "app-key");
    assert_eq!(workspace.app_url.as_deref(), Some("https://proxy.shop.example/cio"));
    assert_eq!(workspace.apis(), ["Track", "App"]);
    assert_eq!(workspace.budgets, Budgets::default());
}

#[test]
fn the_flag_goes_before_the_variable_and_the_variable_before_the_file_that_lies_about() {
    let named = |name: &str| format!("[workspaces.{name}]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n");
    let setting = Setting::live().toml(&named("found")).file("b.toml", &named("by_variable"));
    assert_eq!(setting.load().default_workspace, "found");
    let setting = setting.variable("CUSTOMERIO_MCP_CONFIG", "b.toml");
    assert_eq!(setting.load().default_workspace, "by_variable");
    let setting =
        setting.file("c.toml", &named("by_flag")).options(|options| options.config = Some(PathBuf::from("c.toml")));
    let config = setting.load();
    assert_eq!(config.default_workspace, "by_flag");
    assert_eq!(config.source, Source::File(setting.path("c.toml")));
}

#[test]
fn a_named_file_that_is_not_there_is_refused() {
    let setting = Setting::live().options(|options| options.config = Some(PathBuf::from("prod.toml")));
    assert_snapshot!(setting.refusal(), @"prod.toml: cannot be read: No such file or directory (os error 2)");
}

#[test]
fn the_example_file_is_valid_and_means_what_it_says() {
    let example = include_str!("../../examples/customerio-mcp.toml");
    let setting = Setting::live()
        .variable("CUSTOMERIO_TRACKING_API_KEY", "track-key")
        .variable("LOCAL_TRACK_KEY", "local-track")
        .variable("LOCAL_APP_KEY", "local-app")
        .toml(example);
    let config = setting.load();
    assert_eq!(config.workspaces.keys().collect::<Vec<_>>(), ["local", "prod"]);
    let prod = config.workspace();
    assert_eq!(prod.identity.as_ref().unwrap().id_form.to_string(), "uuid");
    assert_eq!(prod.policy.send, Some(Decision::Approve));
    let caller = CallerBudgets { sends_per_day: Some(200), ..CallerBudgets::default() };
    assert_eq!(prod.budgets, Budgets { sends_per_day: 500, caller, ..Budgets::default() });
    assert_eq!(prod.test_profiles.local_parts, ["test", "qa"]);
    assert_eq!(prod.recipients.live, ["@shop.example"]);
    assert_eq!(prod.pii, Pii::Masked);
    assert_eq!(config.policy_tool_names().collect::<Vec<_>>(), [("prod", "delete_segment")]);
    assert_eq!(config.workspaces["local"].kind, WorkspaceKind::Sandbox);

    let embedded = setting.options(|options| options.purpose = Purpose::EmbeddedSandbox).load();
    assert_eq!(embedded.workspaces.keys().collect::<Vec<_>>(), ["sandbox"]);
    assert_eq!(embedded.workspace().policy.delete, Some(Decision::Preview));
    assert_eq!(embedded.state, StateConfig::Memory);
}

#[test]
fn a_policy_that_names_no_tool_is_refused() {
    let config = Setting::live()
        .toml(
            "[workspaces.prod]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n[workspaces.prod.policy.tools]\n\
             trigger_brodcast = \"deny\"\n",
        )
        .load();
    let error = config.check_policy_tools(|| vec!["trigger_broadcast", "track_event"]).unwrap_err().to_string();
    let (_, message) = error.rsplit_once("customerio-mcp.toml").unwrap();
    assert_snapshot!(message, @":4: `workspaces.prod.policy.tools.trigger_brodcast` is not a tool: did you mean `trigger_broadcast`?");
    assert!(config.check_policy_tools(|| vec!["trigger_brodcast"]).is_ok());
}

#[test]
fn unknown_keys_are_named_with_their_lines_and_the_nearest_valid_ones() {
    let refusal = Setting::live()
        .toml(
            r#"default_workspce = "prod"

[workspaces.prod]
app_api_key_env = "CUSTOMERIO_APP_API_KEY"
colour = "blue"

[workspaces.prod.budget]
sends_per_day = 5

[workspaces.prod.policy]
sends = "deny"

[workspaces.prod.test_profiles]
expires_after = 24
"#,
        )
        .refusal();
    assert_snapshot!(refusal, @"
    customerio-mcp.toml:1: `default_workspce` is not a key: did you mean `default_workspace`?
    customerio-mcp.toml:5: `workspaces.prod.colour` is not a key: valid are `kind`, `region`, `site_id`, `tracking_api_key_env`, `tracking_api_key_file`, `app_api_key_env`, `app_api_key_file`, `cdp_write_key_env`, `cdp_write_key_file`, `track_url`, `app_url`, `cdp_url`, `extra_ca_file`, `identity`, `policy`, `approvals`, `budgets`, `test_profiles`, `recipients`, `egress_hosts`, `link_hosts`, `import_directories`, `pii` and `privacy`
    customerio-mcp.toml:7: `workspaces.prod.budget` is not a key: did you mean `budgets`?
    customerio-mcp.toml:11: `workspaces.prod.policy.sends` is not a key: did you mean `send`?
    customerio-mcp.toml:14: `workspaces.prod.test_profiles.expires_after` is not a key: did you mean `expires_after_hours`?
    ");
}

#[test]
fn values_of_the_wrong_kind_are_pointed_at() {
    let file = |line: &str| Setting::live().toml(&format!("[workspaces.prod]\n{line}\n")).refusal();
    assert_snapshot!(file("region = \"europe\""), @"customerio-mcp.toml:2: `workspaces.prod.region` does not fit: unknown variant `europe`, expected one of `auto`, `us`, `eu`");
    assert_snapshot!(file("pii = true"), @"customerio-mcp.toml:2: `workspaces.prod.pii` does not fit: wanted string or table");
    assert_snapshot!(file("policy.tools.send_newsletter = \"ask\""), @"customerio-mcp.toml:2: `workspaces.prod.policy.tools.send_newsletter` does not fit: unknown variant `ask`, expected one of `allow`, `preview`, `approve`, `deny`");
    let kept = "[audit]\nkeep_days = 29\n[workspaces.prod]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n";
    assert_snapshot!(Setting::live().toml(kept).refusal(), @"customerio-mcp.toml:2: `audit.keep_days` is 29: records are kept for 30 days at the least");
    let enough = Setting::live().toml(&kept.replace("29", "30")).load();
    assert_eq!(enough.workspace().audit_keep_days, Some(30));
    let more_each = "app_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\nbudgets = { sends_per_hour = 20, caller = \
                     { sends_per_hour = 30, deletes_per_day = 200 } }";
    assert_snapshot!(file(more_each), @"
    customerio-mcp.toml:3: `workspaces.prod.budgets.caller.sends_per_hour` is 30, more than the 20 that all callers share: raise `budgets.sends_per_hour` too
    ");
    assert_snapshot!(file("budgets = { sends_per_day = -1 }"), @"customerio-mcp.toml:2: `workspaces.prod.budgets.sends_per_day` does not fit: invalid value: integer `-1`, expected u64");
    assert_snapshot!(file("identity = { primary = \"id\" }"), @"customerio-mcp.toml:2: `workspaces.prod.identity` does not fit: missing field `source`");
    assert_snapshot!(file("identity = { primary = \"id\", source = \"users\", id_form = \"guid\" }"), @"customerio-mcp.toml:2: `workspaces.prod.identity.id_form` does not fit: `guid` is no id form: use any, uuid, ulid, integer, email, prefix:<text> or regex:<pattern>");
    assert_snapshot!(file("region ="), @"customerio-mcp.toml:2: is not valid TOML: string values must be quoted, expected literal string");
    assert_snapshot!(file("region = \"us\"\nregion = \"eu\""), @"customerio-mcp.toml:3: is not valid TOML: duplicate key");
}

#[test]
fn secrets_are_never_in_the_file_nor_in_an_error() {
    let file = |line: &str| {
        let refusal =
            Setting::live().variable("UNFILLED", "${APP_KEY}").toml(&format!("[workspaces.prod]\n{line}\n")).refusal();
        assert!(!refusal.contains("5ecre7"), "{refusal}");
        refusal
    };
    assert_snapshot!(file("app_api_key = \"5ecre7\""), @"customerio-mcp.toml:2: `workspaces.prod.app_api_key` is refused: secrets are not written into the file. Put the key into an environment variable and name it with `app_api_key_env`, or into a file and name it with `app_api_key_file`");
    assert_snapshot!(file("app_api_key_env = \"5ecre7\""), @"customerio-mcp.toml:2: `workspaces.prod.app_api_key_env` is not the name of an environment variable (capitals, digits and `_`). The value is not shown, in case it is the secret itself");
    assert_snapshot!(file("app_api_key_env = \"NOT_SET\""), @"customerio-mcp.toml:2: `workspaces.prod.app_api_key_env` names the environment variable NOT_SET, which is not set");
    assert_snapshot!(file("app_api_key_env = \"UNFILLED\""), @"customerio-mcp.toml:2: `workspaces.prod.app_api_key_env` leads to a placeholder that was never filled in, or to more than the secret (it begins with `${` or `<`, or holds white space)");
    assert_snapshot!(file("app_api_key_file = \"absent\""), @"customerio-mcp.toml:2: `workspaces.prod.app_api_key_file` names the file absent, which cannot be read: No such file or directory (os error 2)");
    assert_snapshot!(file("app_api_key_env = \"A\"\napp_api_key_file = \"b\""), @"customerio-mcp.toml:3: `workspaces.prod.app_api_key_file` is set beside `app_api_key_env`: keep one of them");
    let config = Setting::new().variable("CUSTOMERIO_APP_API_KEY", "5ecre7").load();
    assert!(!format!("{config:?}").contains("5ecre7"));
}

#[test]
fn secrets_are_read_from_files_beside_the_configuration() {
    let setting = Setting::new().file("key", "app-key\n").toml("[workspaces.prod]\napp_api_key_file = \"key\"\n");
    assert_eq!(setting.load().workspace().app_api_key.as_ref().unwrap().expose(), "app-key");
}

#[test]
fn offline_commands_do_without_credentials() {
    let setting = Setting::new()
        .toml("[workspaces.prod]\napp_api_key_env = \"NOT_SET\"\n")
        .options(|options| options.purpose = Purpose::Offline);
    assert_eq!(setting.load().workspace().app_api_key, None);
    assert_eq!(
        Setting::new().options(|options| options.purpose = Purpose::Offline).load().default_workspace,
        "default"
    );
}

#[test]
fn the_state_an_embedded_sandbox_left_can_be_worked_on() {
    let left = |setting: Setting| {
        let config = setting
            .options(|options| {
                options.purpose = Purpose::Offline;
                options.workspace = Some("sandbox".to_owned());
                options.data = Some(PathBuf::from("left"));
            })
            .load();
        assert!(matches!(&config.state, StateConfig::Sqlite { directory } if directory.ends_with("left")));
        config.workspace().clone()
    };
    assert_eq!(left(Setting::new()).kind, WorkspaceKind::Sandbox);
    let with_file = left(Setting::new().toml(include_str!("../../examples/customerio-mcp.toml")));
    assert_eq!(with_file.policy.delete, Some(Decision::Preview));
}

#[test]
fn a_misspelt_variable_of_ours_is_refused() {
    assert_snapshot!(Setting::live().variable("CUSTOMERIO_APP_KEY", "x").refusal(), @"CUSTOMERIO_APP_KEY is not an environment variable of ours: did you mean `CUSTOMERIO_APP_API_KEY` or `CUSTOMERIO_APP_URL`?");
    assert_snapshot!(Setting::live().variable("CUSTOMERIO_MCP_LOGS", "x").refusal(), @"CUSTOMERIO_MCP_LOGS is not an environment variable of ours: did you mean `CUSTOMERIO_MCP_LOG` or `CUSTOMERIO_MCP_CONFIG`?");
    let file = "[workspaces.prod]\napp_api_key_env = \"CUSTOMERIO_PROD_KEY\"\n";
    assert!(Setting::new().variable("CUSTOMERIO_PROD_KEY", "x").toml(file).try_load().is_ok());
}

#[test]
fn a_variable_without_effect_is_noted() {
    let config = Setting::live()
        .variable("CUSTOMERIO_REGION", "eu")
        .toml("[workspaces.prod]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n")
        .load();
    assert_eq!(config.notes.len(), 1);
    assert!(config.notes[0].starts_with("CUSTOMERIO_REGION is set but not used: "), "{}", config.notes[0]);
}

#[test]
fn missing_and_half_credentials_are_named() {
    assert_snapshot!(Setting::new().refusal(), @"there is no credential of Customer.io: set CUSTOMERIO_APP_API_KEY, and CUSTOMERIO_SITE_ID with CUSTOMERIO_TRACKING_API_KEY, or write a customerio-mcp.toml. To try without an account: customerio-mcp serve --sandbox");
    assert_snapshot!(Setting::live().variable("CUSTOMERIO_SITE_ID", "site").refusal(), @"CUSTOMERIO_SITE_ID is set without the tracking API key that belongs to it: set CUSTOMERIO_TRACKING_API_KEY");
    assert_snapshot!(Setting::live().variable("CUSTOMERIO_TRACKING_API_KEY", "key").refusal(), @"CUSTOMERIO_TRACKING_API_KEY is set without the site id that the key belongs to: set CUSTOMERIO_SITE_ID");
    assert_snapshot!(Setting::live().toml("[workspaces.prod]\nregion = \"us\"\n").refusal(), @"customerio-mcp.toml:1: `workspaces.prod` has no credential: name one with `app_api_key_env`, or `site_id` and `tracking_api_key_env`");
    assert_snapshot!(Setting::live().variable("CUSTOMERIO_REGION", "europe").refusal(), @"CUSTOMERIO_REGION holds `europe`: valid are `auto`, `us` and `eu`");
}

#[test]
fn urls_must_keep_credentials_safe() {
    let url = |url: &str| Setting::live().variable("CUSTOMERIO_APP_URL", url).refusal();
    assert_snapshot!(url("http://proxy.shop.example"), @"CUSTOMERIO_APP_URL would send credentials unencrypted: use https, or http to a loopback address");
    assert_snapshot!(url("proxy.shop.example"), @"CUSTOMERIO_APP_URL is not a URL: relative URL without a base");
    assert_snapshot!(url("ftp://proxy.shop.example"), @"CUSTOMERIO_APP_URL is not an http or https URL");
    assert_snapshot!(url("https://user:pass@proxy.shop.example"), @"CUSTOMERIO_APP_URL holds more than a base URL: leave out user, query and fragment");
    assert!(Setting::live().variable("CUSTOMERIO_APP_URL", "http://localhost:8585").try_load().is_ok());
}

#[test]
fn a_sandbox_is_on_this_machine() {
    let sandbox = |lines: &str| {
        let text = "[workspaces.local]\nkind = \"sandbox\"\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n";
        Setting::live().toml(&format!("{text}{lines}\n")).try_load()
    };
    assert!(sandbox("app_url = \"http://[::1]:8585\"").is_ok());
    assert_snapshot!(sandbox("app_url = \"https://sandbox.shop.example\"").unwrap_err(), @"customerio-mcp.toml:4: `workspaces.local.app_url` is not on this machine: only a loopback address can be a sandbox");
    assert_snapshot!(sandbox("").unwrap_err(), @"customerio-mcp.toml:1: `workspaces.local.app_url` is missing: a sandbox needs the loopback URL of each API it is used through");
}

#[test]
fn workspaces_are_picked_by_name() {
    let two = "[workspaces.prod]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n[workspaces.staging]\n\
               app_api_key_env = \"NOT_SET\"\n";
    let pick = |name: &str| {
        let name = name.to_owned();
        Setting::live().toml(two).options(|options| options.workspace = Some(name))
    };
    assert_snapshot!(Setting::live().toml(two).refusal(), @"customerio-mcp.toml: `default_workspace` is missing: say which of `prod`, `staging` it is");
    let config = pick("prod").load();
    assert_eq!(config.workspaces.keys().collect::<Vec<_>>(), ["prod"]);
    assert_snapshot!(pick("staging").refusal(), @"customerio-mcp.toml:4: `workspaces.staging.app_api_key_env` names the environment variable NOT_SET, which is not set");
    assert_snapshot!(pick("prd").refusal(), @"--workspace names no workspace of customerio-mcp.toml: did you mean `prod`?");
    assert_snapshot!(pick("sandbox").refusal(), @"--workspace names the embedded sandbox, which is started with `serve --sandbox`");
    assert_snapshot!(Setting::live().toml(&format!("default_workspace = \"stagin\"\n{two}")).refusal(), @"customerio-mcp.toml:1: `default_workspace` names no workspace of customerio-mcp.toml: did you mean `staging`?");
    assert_snapshot!(Setting::live().options(|options| options.workspace = Some("prod".to_owned())).refusal(), @"--workspace names `prod`, but without a configuration file the only workspace is `default`");
    assert_snapshot!(Setting::live().toml("[workspaces.\"a b\"]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"").refusal(), @"customerio-mcp.toml:1: `workspaces.a b` is no name for a workspace: use 1 to 64 letters, digits, `-` or `_`");
    assert_snapshot!(Setting::live().toml("").refusal(), @"customerio-mcp.toml: `workspaces` has no workspace: add a section such as `[workspaces.prod]`");
}

#[test]
fn guardrails_that_would_protect_nothing_are_refused() {
    let file = |lines: &str| {
        let text = "[workspaces.prod]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n";
        Setting::live().toml(&format!("{text}{lines}\n")).refusal()
    };
    assert_snapshot!(file("recipients.live = [\"shop.example\"]"), @"customerio-mcp.toml:3: `workspaces.prod.recipients.live` holds `shop.example`: write addresses as `ada@shop.example` and domains as `@shop.example`");
    assert_snapshot!(file("recipients.test = [\"@\"]"), @"customerio-mcp.toml:3: `workspaces.prod.recipients.test` holds `@`: write addresses as `ada@shop.example` and domains as `@shop.example`");
    assert_snapshot!(file("identity = { primary = \"id\", source = \"x\" }"), @r#"customerio-mcp.toml:3: `workspaces.prod.identity.source` takes one sentence of 3 to 300 characters, such as "users.uuid in the shop database""#);
    assert_snapshot!(file("identity = { primary = \"id\", source = \"users.id\", email_domains = [\"shop.example\"] }"), @"customerio-mcp.toml:3: `workspaces.prod.identity.email_domains` holds `shop.example`: write domains as `@shop.example`");
    assert_snapshot!(file("test_profiles.expires_after_hours = 0"), @"customerio-mcp.toml:3: `workspaces.prod.test_profiles.expires_after_hours` is 0: a test profile lives at least one hour");
    assert_snapshot!(file("[workspaces.sandbox]\nkind = \"live\"").as_str(), @"customerio-mcp.toml:3: `workspaces.sandbox` is the section of the embedded sandbox, which has neither credentials nor URLs: give a workspace that is reached over the network another name");
}

#[test]
fn the_data_directory_comes_from_flag_variable_file_or_home() {
    let text = "data = \"state\"\n[workspaces.prod]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n";
    let directory = |setting: &Setting| match setting.load().state {
        StateConfig::Sqlite { directory } => {
            directory.strip_prefix(setting.directory.path()).unwrap().to_string_lossy().into_owned()
        }
        other => format!("{other:?}"),
    };
    let setting = Setting::live();
    assert!(directory(&setting).starts_with("home") && directory(&setting).ends_with("customerio-mcp"));
    let setting = setting.toml(text);
    assert_eq!(directory(&setting), "state");
    let setting = setting.variable("CUSTOMERIO_MCP_DATA", "by-variable");
    assert_eq!(directory(&setting), "by-variable");
    let setting = setting.options(|options| options.data = Some(PathBuf::from("by-flag")));
    assert_eq!(directory(&setting), "by-flag");
    let setting = setting.options(|options| options.purpose = Purpose::EmbeddedSandbox);
    assert_eq!(directory(&setting), "by-flag");
}

#[test]
fn postgres_takes_an_address_from_the_environment_and_a_secret_that_all_share() {
    const URL: &str = "postgresql://u:hidden@db/x";
    let workspace = "[workspaces.prod]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n";
    let file = |state: &str| Setting::live().toml(&format!("state = \"{state}\"\n{workspace}"));
    let at = |setting: Setting| setting.variable("CUSTOMERIO_MCP_STATE_URL", URL);
    let secret = |setting: Setting| setting.variable("CUSTOMERIO_MCP_SECRET", &"0f".repeat(32));
    for setting in [at(Setting::live()), at(file("postgres"))] {
        let config = secret(setting).load();
        let StateConfig::Postgres { url, password_file, directory } = &config.state else {
            panic!("{:?}", config.state)
        };
        assert_eq!((url.expose(), password_file), (URL, &None));
        assert!(directory.is_some());
        assert!(!format!("{config:?}").contains("hidden"));
    }
    let password_file = secret(at(Setting::live())).variable("PGPASSFILE", "/home/me/pgpass").load().state;
    assert!(
        matches!(password_file, StateConfig::Postgres { password_file: Some(file), .. } if file.ends_with("pgpass"))
    );
    assert_snapshot!(at(Setting::live()).refusal(), @"the state is in PostgreSQL, where every instance must have the same secret: set CUSTOMERIO_MCP_SECRET, or CUSTOMERIO_MCP_SECRET_FILE, to what `openssl rand -hex 32` prints, once for all of them");
    assert_snapshot!(file("postgres").refusal(), @"customerio-mcp.toml:1: `state` asks for PostgreSQL: set CUSTOMERIO_MCP_STATE_URL to postgresql://USER:PASSWORD@HOST:PORT/DATABASE");
    assert_snapshot!(at(file("sqlite")).refusal(), @r#"customerio-mcp.toml:1: `state` asks for SQLite, and CUSTOMERIO_MCP_STATE_URL is set: write "postgres" here, or unset the variable"#);
    assert_snapshot!(file("postgresql://u:hidden@db/x").refusal(), @"customerio-mcp.toml:1: `state` does not fit: write `postgres` here, for no password belongs into this file: its address goes into CUSTOMERIO_MCP_STATE_URL, and a password it does not hold into the file that PGPASSFILE names");
    assert_snapshot!(file("mysql").refusal(), @"customerio-mcp.toml:1: `state` does not fit: expected `sqlite` or `postgres`");
    assert_snapshot!(Setting::live().variable("CUSTOMERIO_MCP_STATE_URL", "u:hidden@db").refusal(), @"CUSTOMERIO_MCP_STATE_URL takes postgresql://USER:PASSWORD@HOST:PORT/DATABASE");
}

#[test]
fn the_embedded_sandbox_keeps_its_state_to_itself() {
    let setting = Setting::live().variable("CUSTOMERIO_MCP_STATE_URL", "postgresql://db/x");
    assert_eq!(setting.options(|options| options.purpose = Purpose::EmbeddedSandbox).load().state, StateConfig::Memory);
}

#[test]
fn our_own_secret_is_made_once_and_kept_private() {
    let setting = Setting::live();
    let config = setting.load();
    let first = config.own_secret(&clock()).unwrap().to_hex();
    let other: SharedClock = Arc::new(AdjustableClock::running().with_seed(8));
    assert_eq!(setting.load().own_secret(&other).unwrap().to_hex(), first);
    let StateConfig::Sqlite { directory } = config.state.clone() else { panic!("state is on disk") };
    let names: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["secret"]);

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = directory.join("secret");
        assert_eq!((mode(&directory), mode(&path)), (0o700, 0o600));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = config.own_secret(&clock()).unwrap_err().to_string();
        assert!(error.contains("can be read by others (mode 640)"), "{error}");
    }
}

#[test]
fn processes_that_start_at_once_agree_on_one_secret() {
    let config = Setting::live();
    let loaded = config.load();
    let secrets: Vec<String> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..8)
            .map(|seed| {
                let loaded = &loaded;
                scope.spawn(move || {
                    let clock: SharedClock = Arc::new(AdjustableClock::running().with_seed(seed));
                    loaded.own_secret(&clock).unwrap().to_hex()
                })
            })
            .collect();
        starting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(secrets.iter().all(|secret| *secret == secrets[0]), "{secrets:?}");
}

#[test]
fn our_own_secret_may_be_given() {
    let hex = "ab".repeat(32);
    let given = Setting::live().variable("CUSTOMERIO_MCP_SECRET", &hex).load();
    assert_eq!(given.own_secret(&clock()).unwrap().to_hex(), hex);
    let from_file = Setting::live().file("s", &format!("{hex}\n")).variable("CUSTOMERIO_MCP_SECRET_FILE", "s").load();
    assert_eq!(from_file.own_secret(&clock()).unwrap().to_hex(), hex);
    assert_snapshot!(Setting::live().variable("CUSTOMERIO_MCP_SECRET", "short").refusal(), @"CUSTOMERIO_MCP_SECRET takes 64 hexadecimal digits, as `openssl rand -hex 32` prints them");
    assert_snapshot!(Setting::live().variable("CUSTOMERIO_MCP_SECRET_FILE", "absent").refusal(), @"CUSTOMERIO_MCP_SECRET_FILE names a file that cannot be read: No such file or directory (os error 2)");
    let both = Setting::live().variable("CUSTOMERIO_MCP_SECRET", &hex).variable("CUSTOMERIO_MCP_SECRET_FILE", "s");
    assert_snapshot!(both.refusal(), @"CUSTOMERIO_MCP_SECRET_FILE is set beside CUSTOMERIO_MCP_SECRET: keep one of them");
}

/// Every object of the schema refuses unknown keys, every key is described, and the committed file is the printed one.
#[test]
fn the_schema_documents_every_key() {
    fn undescribed(schema: &serde_json::Value, path: &str, found: &mut Vec<String>) {
        let Some(properties) = schema["properties"].as_object() else { return };
        if schema["additionalProperties"] != false {
            found.push(format!("{path} takes unknown keys"));
        }
        for (name, property) in properties {
            let path = format!("{path}.{name}");
            if property["description"].as_str().is_none_or(str::is_empty) {
                found.push(path.clone());
            }
            undescribed(property, &path, found);
            undescribed(&property["additionalProperties"], &path, found);
        }
    }
    let schema = schema();
    let mut found = Vec::new();
    undescribed(&schema, "", &mut found);
    assert_eq!(found, Vec::<String>::new());
    let committed: serde_json::Value =
        serde_json::from_str(include_str!("../../examples/customerio-mcp.schema.json")).unwrap();
    assert_eq!(schema, committed, "examples/customerio-mcp.schema.json is what `config schema` prints");
}

#[test]
fn the_client_example_is_json_with_the_sandbox_first() {
    let example: serde_json::Value = serde_json::from_str(include_str!("../../mcp.json.example")).unwrap();
    let servers = example["mcpServers"].as_object().unwrap();
    assert_eq!(servers.keys().collect::<Vec<_>>(), ["customerio-sandbox", "customerio"]);
    assert_eq!(servers["customerio-sandbox"]["args"], serde_json::json!(["serve", "--sandbox"]));
    let known: Vec<&str> = customerio_mcp::config::VARIABLES.iter().map(|(name, _)| *name).collect();
    for name in servers["customerio"]["env"].as_object().unwrap().keys() {
        assert!(known.contains(&name.as_str()), "{name}");
    }
}
