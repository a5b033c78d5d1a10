//! The command line: a noun and a verb. This file is the map of the commands; each noun has a file of its own.

mod admin;
mod audit;
mod backup;
mod check;
mod claims;
mod client;
mod client_record;
mod compromised;
mod consent;
mod console;
mod context;
mod contexts;
mod copy;
mod database;
mod delivery;
mod explain;
mod failure;
mod files;
mod grant;
mod group;
mod health;
mod import;
mod import_from;
mod init;
mod key;
mod link;
mod login;
mod mail;
mod master_key_rotation;
mod migrate;
mod output;
mod page;
mod place;
mod prompt;
mod receiver;
mod registration;
mod remote;
mod restored;
mod serve;
mod server_to_reach;
mod session;
mod shell_user;
mod sign_in;
mod supervisor;
mod user;
mod user_record;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use context::Context;
use failure::Failure;
use output::{Format, note, write_out};

use crate::logging;

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration, 4 not found, 5 conflict, 8 something is left to do.";

/// An OAuth 2.0 and OpenID Connect server
#[derive(Debug, Parser)]
#[command(name = "safeconduct", version, after_help = EXIT_CODES, propagate_version = true)]
struct Cli {
    /// The configuration file [default: safeconduct.toml, then /etc/safeconduct/safeconduct.toml]
    #[arg(
        long,
        short,
        global = true,
        value_name = "FILE",
        env = "SAFECONDUCT_CONFIG"
    )]
    config: Option<PathBuf>,
    /// Ask the server of this context by its API, instead of working on the database [default on a machine without a configuration: the last one]
    #[arg(long, global = true, value_name = "NAME", env = contexts::VARIABLE, value_parser = contexts::name)]
    context: Option<String>,
    /// How data is printed
    #[arg(
        long,
        short,
        global = true,
        value_enum,
        default_value_t,
        value_name = "FORMAT"
    )]
    output: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a server, a web app and an API on this machine, and watch the flow between them
    #[cfg(feature = "demo")]
    Demo(safeconduct_demo::Demo),
    /// Run the authorization server
    Serve(serve::Serve),
    /// Write a configuration file and a master key to begin with
    Init(init::Init),
    /// Say everything that is wrong with the configuration and the database
    Check(check::Check),
    /// Clients: the apps and APIs that use this server
    #[command(subcommand)]
    Client(client::Verb),
    /// Users: the people who sign in
    #[command(subcommand)]
    User(user::Verb),
    /// Users, groups and clients from the export of another system; --dry-run says what does not come along
    #[command(subcommand)]
    Import(import_from::From),
    /// Groups: what users belong to, and what is demanded of them there
    #[command(subcommand)]
    Group(group::Verb),
    /// Administrators: who may use the API that administers this server
    #[command(subcommand)]
    Admin(admin::Verb),
    /// Sessions: who is signed in
    #[command(subcommand)]
    Session(session::Verb),
    /// Grants: what users let apps do
    #[command(subcommand)]
    Grant(grant::Verb),
    /// Consents: what users let apps have without being asked again
    #[command(subcommand)]
    Consent(consent::Verb),
    /// Deliveries: mails, logouts and security events that wait to be told, or were given up
    #[command(subcommand)]
    Delivery(delivery::Verb),
    /// Receivers: whom security events are pushed to
    #[command(subcommand)]
    Receiver(receiver::Verb),
    /// Say what is known of a request, a grant, a user or a client, and what mends it
    Explain(explain::Explain),
    /// What happened, who did it and by which door; the newest first
    Audit(Box<audit::Audit>),
    /// Keys: those that sign and seal, and the master key that wraps them
    #[command(subcommand)]
    Key(key::Verb),
    /// Mails: what people are sent, and whether it arrives
    #[command(subcommand)]
    Mail(mail::Verb),
    /// Sign in to a running server, to administer it by its API from any machine
    #[command(
        after_help = "Two factors are asked for, and for changes to be made they have to be proved within the hour. The tokens are bound to a key and kept in a file for its owner alone, below $XDG_STATE_HOME. Over SSH, paste the address that the browser ended at."
    )]
    Login(login::Login),
    /// Sign out of a server that `login` signed in to; what it gave is revoked
    Logout(login::Logout),
    /// Say as whom `login` signed in, where, for what and until when
    Whoami(login::Whoami),
    /// Administer a running server in the browser: pages on this computer, for the one browser that opens them
    #[command(
        after_help = "It signs in as `login` does, and what it is given is kept in the same place. The address that it shows opens it to one browser, once; Enter shows another."
    )]
    Console(console::Console),
    /// Bring the schema of the database up to date; nodes may serve meanwhile
    Migrate(migrate::Migrate),
    /// Copy everything into a new database, such as from SQLite to PostgreSQL
    #[command(
        after_help = "Stop every node first, and serve the old database no more: docs/guides/many-nodes.md."
    )]
    Copy(copy::Copy),
    /// Ask the server of this configuration whether it can serve; exit code 1 if not
    Health(health::Health),
    /// Copy the database into a file, while it is served
    #[command(
        after_help = "The copy is for its owner alone, and is read again to its end before it gets its name. It can't be served before `safeconduct restored`: docs/guides/running.md."
    )]
    Backup(backup::Backup),
    /// Refuse what was handed out before the database was restored
    #[command(
        after_help = "Run it after a restore from a backup, or after a standby has taken over that lacked the last commits, and before a server serves: docs/guides/many-nodes.md."
    )]
    Restored(restored::Restored),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    fn starts_its_own_log(&self) -> bool {
        match self {
            Self::Serve(_) => true,
            #[cfg(feature = "demo")]
            Self::Demo(_) => true,
            _ => false,
        }
    }
}

/// Runs the command of this process.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            note(failure.message());
            failure.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    if !cli.command.starts_its_own_log() {
        logging::start_for_command();
    }
    let context = Context {
        config: cli.config,
        context: cli.context,
        output: cli.output,
    };
    match cli.command {
        #[cfg(feature = "demo")]
        Command::Demo(demo) => demo
            .run()
            .map_err(|error| Failure::Failed(format!("{error:#}"))),
        Command::Serve(serve) => serve.run(&context),
        Command::Init(init) => init.run(context.output),
        Command::Check(check) => check.run(&context),
        Command::Migrate(migrate) => migrate.run(&context),
        Command::Copy(copy) => copy.run(&context),
        Command::Health(health) => health.run(&context),
        Command::Backup(backup) => backup.run(&context),
        Command::Client(verb) => {
            context.on_place(async |place, output| verb.run(place, output).await)
        }
        Command::User(verb) => {
            context.on_place(async |place, output| verb.run(place, output).await)
        }
        Command::Import(from) => {
            context.on_database(async |database, output| from.run(database, output).await)
        }
        Command::Group(verb) => {
            context.on_place(async |place, output| verb.run(place, output).await)
        }
        Command::Admin(verb) => {
            context.on_place(async |place, output| verb.run(place, output).await)
        }
        Command::Session(verb) => {
            context.on_place(async |place, output| verb.run(place, output).await)
        }
        Command::Grant(verb) => {
            context.on_place(async |place, output| verb.run(place, output).await)
        }
        Command::Consent(verb) => {
            context.on_place(async |place, output| verb.run(place, output).await)
        }
        Command::Delivery(verb) => {
            context.on_place(async |place, output| verb.run(place, output).await)
        }
        Command::Receiver(verb) => {
            context.on_place(async |place, output| verb.run(place, output).await)
        }
        Command::Explain(explain) => {
            context.on_place(async |place, output| explain.run(place, output).await)
        }
        Command::Audit(audit) => {
            context.on_place(async |place, output| audit.run(place, output).await)
        }
        Command::Key(verb) => verb.run(&context),
        Command::Mail(verb) => verb.run(&context),
        Command::Login(login) => login.run(&context),
        Command::Logout(logout) => logout.run(&context),
        Command::Whoami(whoami) => whoami.run(&context),
        Command::Console(console) => console.run(&context),
        Command::Restored(restored) => restored.run(&context),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "safeconduct", &mut script);
            write_out(String::from_utf8_lossy(&script).trim_end())
        }
    }
}
