import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/** Kills and removes what it was told of, once nobody can tell it anything any more. */
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

/** Has a child killed, and its own children, when this process ends before it, however that happens. */
export function guardChild(child: ChildProcess): void {
  if (child.pid === undefined) return;
  tell(`started ${child.pid}`);
  child.once('exit', () => tell(`ended ${child.pid}`));
}

/** Has a directory removed when this process ends, however that happens. */
export function guardDirectory(path: string): void {
  tell(`made ${path}`);
}

function tell(line: string): void {
  guard ??= openGuard();
  guard.write(`${line}\n`);
}

/** A process by itself, out of reach of a Ctrl-C, that reads what it is told until this process is gone. */
function openGuard(): Socket {
  const child = spawn('/bin/sh', ['-c', script], { detached: true, cwd: '/', stdio: ['pipe', 'ignore', 'ignore'] });
  const pipe = child.stdin as Socket;
  child.unref();
  pipe.unref();
  return pipe;
}
