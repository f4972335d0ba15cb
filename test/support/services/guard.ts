import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/** Reads processes and directories from standard input; kills and removes them when the input ends. */
const script = `
pids=
while read -r verb value; do
  case $verb in
    started) pids="$pids $value" ;;
    ended) kept=; for pid in $pids; do [ "$pid" = "$value" ] || kept="$kept $pid"; done; pids=$kept ;;
    made) set -- "$@" "$value" ;;
  esac
done
for pid in $pids; do kill -9 $pid $(cat "/proc/$pid/task/$pid/children"); done
rm -rf -- "$@"
`;

let guard: Socket | undefined;

/** Ensures that a child process and its children are killed when this process ends, even if this process is killed. */
export function guardChild(child: ChildProcess): void {
  if (child.pid === undefined) return;
  tell(`started ${child.pid}`);
  child.once('exit', () => tell(`ended ${child.pid}`));
}

/** Ensures that a directory is removed when this process ends, even if this process is killed. */
export function guardDirectory(path: string): void {
  tell(`made ${path}`);
}

function tell(line: string): void {
  guard ??= openGuard();
  guard.write(`${line}\n`);
}

/** Starts the script in its own process group, which Ctrl-C does not reach. */
function openGuard(): Socket {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, cwd: '/', stdio: ['pipe', 'ignore', 'ignore'] });
  const pipe = child.stdin as Socket;
  child.unref();
  pipe.unref();
  return pipe;
}
