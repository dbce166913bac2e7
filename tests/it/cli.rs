//! The program as a shell sees it: what it prints, where, and its exit codes.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
};

use insta::assert_snapshot;
use tempfile::TempDir;

/// A run of the program in a directory and an environment of its own.
pub(crate) struct Run {
    directory: TempDir,
    command: Command,
}

/// What a run left behind.
pub(crate) struct Left {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

pub(crate) fn customerio_mcp(args: &[&str]) -> Run {
    let directory = crate::kept::directory();
    let mut command = Command::new(env!("CARGO_BIN_EXE_customerio-mcp"));
    command.args(args).env_clear().env("HOME", directory.path()).current_dir(directory.path()).stdin(Stdio::null());
    Run { directory, command }
}

impl Run {
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        fs::write(self.directory.path().join(name), text).unwrap();
        self
    }

    pub(crate) fn finish(mut self) -> Left {
        let output = self.command.output().unwrap();
        let home = self.directory.path().to_string_lossy().into_owned();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&home, "[home]");
        Left { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    fn start(mut self) -> (TempDir, Child) {
        let child = self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        (self.directory, child)
    }
}

/// Stdout of a run that succeeds and complains of nothing.
pub(crate) fn printed(args: &[&str]) -> String {
    let left = customerio_mcp(args).finish();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""), "{args:?}");
    left.stdout
}

/// Stderr of a run that cannot begin and prints no result.
pub(crate) fn refused(run: Run) -> String {
    let left = run.finish();
    assert_eq!((left.code, left.stdout.as_str()), (2, ""), "{}", left.stderr);
    left.stderr
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    assert_snapshot!(printed(&["--help"]), @"
    Lets an AI agent operate Customer.io, with guardrails and an embedded sandbox.

    Without a command it serves MCP over stdio, with the flags of `serve`.

    Usage: customerio-mcp [OPTIONS]
           customerio-mcp <COMMAND>

    Commands:
      serve        Serve MCP over stdio
      sandbox      Run a local Customer.io for any program that talks to it
      demo         Show a day's work of an agent against the embedded sandbox
      doctor       Check credentials, region and state, and say what is missing
      identity     Show, declare or change how people are identified in a workspace
      approvals    Decide about calls that wait for a human
      sends        List calls of unknown fate, and say what became of them
      erasures     List erasures, and let a person come back
      audit        Read and prove the record of what was done
      tools        List the tools an agent is offered, and their contracts
      config       Check the configuration, or print its schema
      completions  Print a completion script for a shell
      help         Print this message or the help of the given subcommand(s)

    Options:
          --sandbox
              Serve an embedded sandbox instead of Customer.io: no account, no network

          --toolsets <NAMES>
              Toolsets to list, by comma; `core` is the default, `all` is everything

          --tools <NAMES>
              Single tools to list besides, by comma

          --exclude-tools <NAMES>
              Tools never to offer, by comma

          --read-only
              Offer only tools that change nothing

          --config <FILE>
              Configuration file; else `CUSTOMERIO_MCP_CONFIG` names it, else ./customerio-mcp.toml is
              read if it exists

          --workspace <NAMES>
              Configured workspaces to serve, by comma; the first is used where a call names none. Else
              the file's default workspace alone

          --data <DIR>
              Directory of the embedded state; else `CUSTOMERIO_MCP_DATA` names it, else the user's data
              directory

          --log-format <text|json>
              Form of the log on stderr, text unless told otherwise; what is logged comes from
              `CUSTOMERIO_MCP_LOG`

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Examples:
      customerio-mcp serve --sandbox  try it: no account, no network
      customerio-mcp demo             watch a day's work, guardrails included
      customerio-mcp doctor           check credentials, region and state
      customerio-mcp                  serve over stdio, as an MCP client starts it

    Exit codes:
      0  done
      1  failed
      2  the command line or the configuration cannot be used
    ");
}

#[test]
fn every_command_teaches_by_help_within_80_columns() {
    let commands: &[&[&str]] = &[
        &[],
        &["serve"],
        &["sandbox"],
        &["sandbox", "fixture"],
        &["sandbox", "fixture", "check"],
        &["sandbox", "fixture", "schema"],
        &["sandbox", "fixture", "example"],
        &["demo"],
        &["doctor"],
        &["identity"],
        &["identity", "show"],
        &["identity", "declare"],
        &["identity", "change"],
        &["audit", "list"],
        &["audit", "verify"],
        &["audit", "prune"],
        &["tools", "list"],
        &["tools", "show"],
        &["tools", "table"],
        &["tools", "errors"],
        &["config", "schema"],
        &["config", "check"],
        &["config", "variables"],
        &["config", "table"],
        &["completions"],
    ];
    for command in commands {
        let help = customerio_mcp(&[command, &["--help"][..]].concat()).env("COLUMNS", "80").finish().stdout;
        assert!(help.contains("Usage: customerio-mcp"), "{help}");
        assert!(!help.contains('\u{1b}'), "no colours where there is no terminal: {help}");
        let wraps = |line: &&str| !line.starts_with("Usage: ");
        let wide: Vec<_> = help.lines().filter(wraps).filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{command:?}: {wide:?}");
    }
}

#[test]
fn unknown_flags_and_commands_are_refused() {
    assert_snapshot!(refused(customerio_mcp(&["serve", "--sandbx"])), @"
    error: unexpected argument '--sandbx' found

      tip: a similar argument exists: '--sandbox'

    Usage: customerio-mcp serve --sandbox

    For more information, try '--help'.
    ");
    assert_snapshot!(refused(customerio_mcp(&["server"])), @"
    error: unrecognized subcommand 'server'

      tip: a similar subcommand exists: 'serve'

    Usage: customerio-mcp [OPTIONS]
           customerio-mcp <COMMAND>

    For more information, try '--help'.
    ");
    assert_snapshot!(refused(customerio_mcp(&["identity", "declare", "--primary", "phone", "--source", "x"])), @"
    error: invalid value 'phone' for '--primary <PRIMARY>'
      [possible values: id, email]

    For more information, try '--help'.
    ");
    assert_snapshot!(
        refused(customerio_mcp(&["identity", "declare", "--primary", "id", "--id-form", "guid", "--source", "x"])),
        @"
        error: invalid value 'guid' for '--id-form <FORM>': `guid` is no id form: use any, uuid, ulid, integer, email, prefix:<text> or regex:<pattern>

        For more information, try '--help'.
        "
    );
    assert_snapshot!(refused(customerio_mcp(&["audit", "list", "--limit", "0"])), @"
    error: invalid value '0' for '--limit <N>': 0 is not in 1..=1000

    For more information, try '--help'.
    ");
}

#[test]
fn serving_without_a_credential_says_what_to_do() {
    assert_snapshot!(refused(customerio_mcp(&[])), @"error: there is no credential of Customer.io: set CUSTOMERIO_APP_API_KEY, and CUSTOMERIO_SITE_ID with CUSTOMERIO_TRACKING_API_KEY, or write a customerio-mcp.toml. To try without an account: customerio-mcp serve --sandbox");
}

#[test]
fn misspelt_configuration_is_refused_before_anything_starts() {
    let file = "[workspaces.prod]\napp_api_key_env = \"CUSTOMERIO_APP_API_KEY\"\n\n[workspaces.prod.budgets]\n\
                send_per_day = 5\n";
    let run = customerio_mcp(&["serve"]).env("CUSTOMERIO_APP_API_KEY", "key").file("customerio-mcp.toml", file);
    assert_snapshot!(refused(run), @"error: customerio-mcp.toml:5: `workspaces.prod.budgets.send_per_day` is not a key: did you mean `sends_per_day`?");
    let run = customerio_mcp(&["doctor"]).env("CUSTOMERIO_APP_API_KEY", "key").env("CUSTOMERIO_REGOIN", "eu");
    assert_snapshot!(refused(run), @"error: CUSTOMERIO_REGOIN is not an environment variable of ours: did you mean `CUSTOMERIO_REGION`?");
    let run = customerio_mcp(&["config", "schema"]).env("CUSTOMERIO_MCP_LOG", "customerio_mcp=loud");
    assert_snapshot!(refused(run), @r#"error: CUSTOMERIO_MCP_LOG is no list of log directives such as `warn,customerio_mcp=debug`: error parsing level filter: expected one of "off", "error", "warn", "info", "debug", "trace", or a number 0-5"#);
}

#[test]
fn check_says_what_a_configuration_amounts_to_and_shows_no_secret() {
    let run = customerio_mcp(&["config", "check", "--config", "example.toml", "--data", "state"])
        .file("example.toml", include_str!("../../examples/customerio-mcp.toml"))
        .env("CUSTOMERIO_APP_API_KEY", "5ecre7")
        .env("CUSTOMERIO_TRACKING_API_KEY", "5ecre7")
        .env("CUSTOMERIO_REGION", "eu")
        .env("LOCAL_TRACK_KEY", "5ecre7")
        .env("LOCAL_APP_KEY", "5ecre7");
    let left = run.finish();
    assert_eq!((left.code, left.stderr.as_str()), (0, ""));
    assert!(!left.stdout.contains("5ecre7"));
    assert_snapshot!(left.stdout, @"
    configuration  example.toml
    state          SQLite in state
    own secret     kept with the state, made on first use
    note           CUSTOMERIO_REGION is set but not used: example.toml describes
                   the workspaces.

    local (sandbox)
    region         auto
    credentials    Track, App
    other host     Track at http://127.0.0.1:8585
    other host     App at http://127.0.0.1:8585
    other host     Pipelines at http://127.0.0.1:8585
    identity       not in the configuration; see identity show
    policy         read allow, write allow, trigger allow,
                   send allow (to several preview), delete preview, bulk_pii allow,
                   content_in_use allow
    budgets        sends 100/h 500/day, triggers 20000/h 100000/day,
                   writes 500/h 2000/day, deletes 50/h 200/day, new profiles 100/day
    test profiles  25 at once, 50/day, expire after 24 h
    recipients     none
    may be called  none
    linked to      none
    personal data  masked

    prod (live, default)
    region         auto
    credentials    Track, App
    identity       by id, ids of form uuid, from users.uuid in the shop database
    policy         read allow, write allow, trigger allow, send approve,
                   delete approve, bulk_pii approve, content_in_use preview
    single tools   delete_segment deny
    budgets        sends 100/h 500/day, triggers 20000/h 100000/day,
                   writes 500/h 2000/day, deletes 50/h 200/day, new profiles 100/day
    of each caller sends 100/h 200/day, triggers 20000/h 100000/day,
                   writes 500/h 2000/day, deletes 50/h 200/day, new profiles 100/day
    test profiles  25 at once, 50/day, expire after 24 h
    recipients     live @shop.example, test @sink.example
    may be called  none
    linked to      none
    personal data  masked; also masked: *_income; never shown: internal_*
    ");
}

#[test]
fn check_writes_nothing() {
    let run = customerio_mcp(&["config", "check", "--data", "state"]).env("CUSTOMERIO_APP_API_KEY", "key");
    let (directory, mut child) = run.start();
    assert!(child.wait().unwrap().success());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn the_printed_schema_is_the_committed_one() {
    assert_eq!(printed(&["config", "schema"]), include_str!("../../examples/customerio-mcp.schema.json"));
}

#[test]
fn variables_are_listed_with_their_meaning() {
    assert_snapshot!(printed(&["config", "variables"]), @"
    CUSTOMERIO_SITE_ID           Track API: site id
    CUSTOMERIO_TRACKING_API_KEY  Track API: API key of that site id
    CUSTOMERIO_APP_API_KEY       App API key
    CUSTOMERIO_CDP_WRITE_KEY     Pipelines write key
    CUSTOMERIO_REGION            auto (default), us or eu
    CUSTOMERIO_TRACK_URL         Track API at another host
    CUSTOMERIO_APP_URL           App API at another host
    CUSTOMERIO_CDP_URL           Pipelines API at another host
    CUSTOMERIO_MCP_CONFIG        configuration file
    CUSTOMERIO_MCP_DATA          directory of the embedded state and of exports
    CUSTOMERIO_MCP_SECRET        our own secret: 64 hexadecimal digits
    CUSTOMERIO_MCP_SECRET_FILE   file with that secret
    CUSTOMERIO_MCP_STATE_URL     postgresql://USER:PASSWORD@HOST:PORT/DATABASE that
                                 keeps the state
    CUSTOMERIO_MCP_LOG           what is logged, such as warn or
                                 customerio_mcp=debug
    ");
}

#[test]
fn completions_know_the_commands_in_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for word in ["sandbox", "completions", "exclude-tools", "print-env", "fixture", "example", "shop"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(customerio_mcp(&["completions", "tcsh"]).finish().code, 2);
}

#[test]
fn bash_completes_what_follows_every_command() {
    let script = printed(&["completions", "bash"]);
    let found: Vec<&str> =
        script.lines().filter_map(|line| line.trim().strip_prefix("cmd=\"")?.strip_suffix('"')).collect();
    assert!(found.len() > 20, "{found:?}");
    for command in found.into_iter().filter(|command| !command.is_empty()) {
        assert!(script.contains(&format!("\n        {command})\n")), "{command} is recognized and not completed");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let (_directory, mut child) = customerio_mcp(&["config", "schema"]).start();
    drop(child.stdout.take());
    let mut complaints = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    assert_eq!((child.wait().unwrap().code(), complaints.as_str()), (Some(0), ""));
}

#[test]
fn the_sandbox_prints_an_environment_for_a_shell() {
    let keys = ["--site-id", "site", "--tracking-key", "track", "--app-key", "it's", "--cdp-key", "cdp"];
    assert_snapshot!(printed(&[&["sandbox", "--print-env"][..], &keys].concat()), @r"
    export CUSTOMERIO_SITE_ID=site
    export CUSTOMERIO_TRACKING_API_KEY=track
    export CUSTOMERIO_APP_API_KEY='it'\''s'
    export CUSTOMERIO_CDP_WRITE_KEY=cdp
    export CUSTOMERIO_TRACK_URL=http://127.0.0.1:8585
    export CUSTOMERIO_APP_URL=http://127.0.0.1:8585
    export CUSTOMERIO_CDP_URL=http://127.0.0.1:8585
    export CIO_BASE=http://127.0.0.1:8585
    export CIO_SITE_ID=site
    export CIO_TRACK_KEY=track
    export CIO_APP_KEY='it'\''s'
    export CIO_CDP_KEY=cdp
    export CIO_TX_EMAIL=2
    export CIO_TX_PUSH=7
    export CIO_TX_SMS=8
    export CIO_TX_IN_APP=9
    export CIO_TX_INBOX_MESSAGE=10
    export CIO_TX_WHATSAPP=11
    export CIO_CAMPAIGN=1
    export CIO_BROADCAST=3
    export CIO_NEWSLETTER=1
    ");
    let seeded = ["sandbox", "--print-env", "--seed", "7"];
    assert_eq!(printed(&seeded), printed(&seeded));
    assert_snapshot!(refused(customerio_mcp(&["sandbox", "--print-env"])), @"error: --print-env only prints, so it must know what the sandbox was told: give --listen a port, and either all four keys or the same --seed");
}

#[test]
fn a_sandbox_that_cannot_start_says_why() {
    let run = customerio_mcp(&["sandbox", "--fixture", "shop.toml"]).file("shop.toml", "[[peple]]\nid = \"x\"\n");
    assert!(refused(run).starts_with("error: shop.toml:1:3: `peple` is not a key here: did you mean `people`?"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let left = customerio_mcp(&["sandbox", "--listen", &address]).finish();
    assert_eq!(left.code, 1);
    assert!(left.stderr.starts_with(&format!("error: cannot listen on {address}: ")), "{}", left.stderr);
}

/// Reads the greeting up to its last line, takes the URL out of it, and ends the sandbox as a terminal or a supervisor
/// would.
#[cfg(unix)]
#[test]
fn the_sandbox_answers_with_the_printed_keys_and_stops_cleanly() {
    for signal in ["-INT", "-TERM"] {
        let (_directory, mut child) =
            customerio_mcp(&["sandbox", "--listen", "127.0.0.1:0", "--seed", "7", "--app-key", "app"]).start();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.ends_with("Ctrl-C.\n") {
            assert_ne!(stdout.read_line(&mut greeting).unwrap(), 0, "{greeting}");
        }
        let address = greeting.split_once("http://").unwrap().1.lines().next().unwrap();
        assert!(greeting.contains(&format!("export CUSTOMERIO_APP_URL=http://{address}")), "{greeting}");
        let body = get(address, "/v1/segments", "Bearer app");
        assert!(body.contains("VIP customers"), "{body}");

        let kill = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        let mut rest = String::new();
        child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
        assert_eq!((child.wait().unwrap().code(), rest.as_str()), (Some(0), ""), "{signal}");
    }
}

/// The answer to a GET, as it came.
#[cfg(unix)]
fn get(address: &str, path: &str, authorization: &str) -> String {
    use std::io::Write as _;
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: {authorization}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
