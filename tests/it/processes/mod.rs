//! The guards when several processes share one state: what holds however their calls fall together, and whenever one of
//! them is killed. The witness is the sandbox, asked behind their backs; what our own ledger says is held against it.

mod client;
mod crashes;
mod dice;
mod fleet;
mod imports;
mod later;
mod quota;
mod sends;
mod site;
mod stopping;
mod tally;

use std::thread;

use serde_json::Value;

use crate::child::{Request, Server};

/// The contents of all answers to calls that are made of all servers at once; `requests[n]` go to `servers[n]`.
fn at_once(servers: &mut [Server], requests: Vec<Vec<Request>>) -> Vec<Value> {
    let counts: Vec<usize> = requests.iter().map(Vec::len).collect();
    for (server, requests) in servers.iter_mut().zip(requests) {
        server.send_all((100..).zip(requests));
    }
    servers.iter_mut().zip(counts).flat_map(|(server, count)| server.contents(count).into_values()).collect()
}

/// The same with no more than `open` calls at a time on each server: a next one follows each answer.
fn one_after_another(servers: &mut [Server], requests: Vec<Vec<Request>>, open: usize) -> Vec<Value> {
    let drive = |server: &mut Server, requests: Vec<Request>| {
        let mut waiting = (100..).zip(requests);
        server.send_all(waiting.by_ref().take(open));
        let mut contents = Vec::new();
        for request in waiting {
            contents.extend(server.contents(1).into_values());
            server.send_all([request]);
        }
        contents.extend(server.contents(open).into_values());
        contents
    };
    thread::scope(|scope| {
        let drives = servers.iter_mut().zip(requests).map(|(server, requests)| scope.spawn(|| drive(server, requests)));
        drives.collect::<Vec<_>>().into_iter().flat_map(|drive| drive.join().unwrap()).collect()
    })
}
