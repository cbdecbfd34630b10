//! A scanner that was tampered with, in the action's container mode: it runs as uid 65534, and all
//! that it tries fails.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use slipway::process::{Place, RunAs};
use slipway::runner::cancel::Until;
use slipway::security_scan::observe::credentials;
use slipway::security_scan::scan::{GapKind, Source, State};
use tokio_util::sync::CancellationToken;

use super::bench::{Bench, gaps, kinds, of, shown};
use crate::testing::needs_root;

/// What the runner passes to a container that a scanner must never see.
const SECRETS: [(&str, &str); 6] = [
    ("INPUT_TOKEN", "canary-token"),
    ("GITHUB_TOKEN", "canary-github"),
    ("ACTIONS_RUNTIME_TOKEN", "canary-runtime"),
    ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "canary-oidc"),
    ("AWS_SECRET_ACCESS_KEY", "canary-aws"),
    ("HTTPS_PROXY", "http://user:canary-proxy@proxy.invalid:1"),
];

/// What it tries, and a report as Bandit's, so that nothing looks wrong.
const ATTEMPTS: &str = r"
import glob, json, os, signal, socket, sys
got = []
def attempt(name, action):
    try:
        got.append([name, repr(action())])
    except (OSError, PermissionError) as error:
        pass
us = os.getppid()
for file in ['environ', 'mem', 'maps', 'cwd', 'root']:
    attempt(file, lambda: open('/proc/%d/%s' % (us, file), 'rb').read(10))
for path in glob.glob('/proc/[0-9]*/environ'):
    if int(path.split('/')[2]) != os.getpid():
        try:
            text = open(path, 'rb').read()
        except OSError:
            continue
        if b'canary' in text: got.append([path, 'canary'])
def connect():
    s = socket.socket(socket.AF_UNIX); s.connect('SOCKET'); return 'connected'
attempt('socket', connect)
attempt('command file', lambda: open('COMMANDS', 'a').write('PATH=/evil\n'))
attempt('workspace', lambda: open('WORKSPACE' + '/new.py', 'w').write('x'))
attempt('source', lambda: open('WORKSPACE' + '/app.py', 'a').write('x'))
attempt('credentials', lambda: open('WORKSPACE' + '/.git/config').read())
attempt('kill', lambda: os.kill(us, signal.SIGTERM))
attempt('setuid', lambda: os.setuid(0))
attempt('cwd', lambda: open('here', 'w').write('x'))
canaries = [name for name, value in os.environ.items() if 'canary' in value]
if '--version' in sys.argv:
    print('bandit 1.9.4'); sys.exit(0)
links = sys.argv[-1]
sys.stderr.write(json.dumps({'got': got, 'canaries': canaries, 'names': sorted(os.environ), 'uid': os.getuid()}))
print(json.dumps({'errors': [], 'results': [], 'metrics': {os.path.join(links, n): {} for n in os.listdir(links)}}))
";

fn nobody() -> Bench {
    let mut bench = Bench::new();
    bench.run_as = RunAs::choose(Place::Image).unwrap();
    bench
}

#[tokio::test]
async fn everything_that_it_tries_fails() {
    if !needs_root() {
        return; // The container runs as root.
    }
    let mut bench = nobody();
    bench.environment = SECRETS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    // As the runner leaves them: files of uid 1001, the engine's socket for root and its group.
    let commands = bench.tools.parent().unwrap().join("file_commands");
    fs::create_dir(&commands).unwrap();
    fs::set_permissions(&commands, PermissionsExt::from_mode(0o755)).unwrap();
    let env = commands.join("set_env");
    fs::write(&env, "").unwrap();
    let socket = commands.join("docker.sock");
    let _engine = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, PermissionsExt::from_mode(0o660)).unwrap();
    let code = bench.put("app.py", "assert True\n");
    bench.put(
        ".git/config",
        "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic canary\n",
    );
    fs::set_permissions(
        bench.workspace.join(".git/config"),
        PermissionsExt::from_mode(0o640),
    )
    .unwrap();
    for path in [&bench.workspace, &code, &env, &commands] {
        chown(path, Some(1001), Some(1001)).unwrap();
    }
    let attempts = ATTEMPTS
        .replace("SOCKET", socket.to_str().unwrap())
        .replace("COMMANDS", env.to_str().unwrap())
        .replace("WORKSPACE", bench.workspace.to_str().unwrap());
    bench.tool("bandit", "/usr/bin/python3", &attempts);
    let observed = bench.run(&["--scanners", "bandit"]).await;
    assert_eq!(of(&observed, &Source::Bandit).state, State::Complete);
    let said: serde_json::Value = serde_json::from_str(observed.logs[0].1.trim()).unwrap();
    assert_eq!(said["uid"], 65534);
    assert_eq!(said["got"], serde_json::json!([]));
    assert_eq!(said["canaries"], serde_json::json!([]));
    let names: Vec<&str> = said["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    let ours = |name: &&str| {
        !name.to_lowercase().ends_with("_proxy")
            && ![
                "PATH",
                "HOME",
                "TMPDIR",
                "LANG",
                "GIT_ALLOW_PROTOCOL",
                "LC_CTYPE",
            ]
            .contains(name)
            && !name.starts_with("PYTHON")
    };
    assert_eq!(names.into_iter().filter(ours).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(fs::read_to_string(&code).unwrap(), "assert True\n");
    assert_eq!(fs::read_to_string(&env).unwrap(), "");

    // Left readable, the credentials are told of.
    fs::set_permissions(
        bench.workspace.join(".git/config"),
        PermissionsExt::from_mode(0o644),
    )
    .unwrap();
    let until = Until {
        cancel: &CancellationToken::new(),
        deadline: Instant::now() + Duration::from_mins(1),
    };
    let readable = credentials::readable(&bench.workspace, None, bench.run_as, until);
    assert_eq!((readable.files.len(), readable.cut_short), (1, None));
}

#[tokio::test]
async fn what_nobody_may_not_read_is_incomplete() {
    if !needs_root() {
        return; // Only root can become another.
    }
    let mut bench = Bench::real_trivy_for_nobody();
    let runner = ("GITHUB_ACTIONS".to_owned(), "true".to_owned());
    bench.environment.push(runner);
    bench.put(
        "main.tf",
        "resource \"aws_s3_bucket\" \"b\" {\n  bucket = \"b\"\n}\n",
    );
    bench.put("requirements.txt", "slipway-fixture-http==2.3.0\n");
    let closed = bench.put(
        "closed.tf",
        "resource \"aws_s3_bucket\" \"c\" {\n  bucket = \"c\"\n}\n",
    );
    fs::set_permissions(&closed, PermissionsExt::from_mode(0o600)).unwrap();
    // Without a repository nothing is known to be untracked, the database in the workspace neither.
    let observed = bench.run(&["--scanners", "trivy", "--offline"]).await;
    let scan = of(&observed, &Source::TrivyFs);
    let both = [GapKind::Unreadable, GapKind::NoDatabase];
    assert_eq!(kinds(scan), both, "{:?}", scan.state);
    assert!(
        gaps(scan)[0]
            .next
            .as_deref()
            .unwrap()
            .ends_with("chmod -R a+rX -- closed.tf")
    );
    assert!(
        shown(scan)
            .iter()
            .any(|finding| finding.contains("main.tf"))
    );
}

#[test]
fn without_root_the_container_is_refused() {
    // The container mode of a process that may not change its uid.
    let refused = || RunAs::choose(Place::Image);
    let chosen = match RunAs::choose(Place::Image) {
        Ok(nobody) => nobody.act(refused).unwrap(),
        Err(failure) => Err(failure),
    };
    let failure = chosen.unwrap_err();
    assert_eq!(failure.outcome, slipway::outcome::Outcome::Error);
    assert!(failure.next.unwrap().contains("ubuntu-latest"));
}
