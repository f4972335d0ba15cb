import { parseArgs } from 'node:util';
import { StartError } from './start-errors.ts';

/** The run that the command line asks for. */
export type Command =
  | { kind: 'serve' }
  | { kind: 'help' }
  | { kind: 'version' }
  | { kind: 'ephemeral'; options: EphemeralCommand };

/** Options of `--ephemeral`. */
export interface EphemeralCommand {
  /** Port for clients, and for the control address; 0 picks a free one. */
  port: number;
  controlPort: number;
  /** File of the seed; `true` for the built-in one, null for an empty server. */
  seed: string | true | null;
  /** Whether the line about the start is JSON. */
  json: boolean;
  /** Settings by name. */
  settings: Readonly<Record<string, string>>;
}

/** Text of `--help`. */
export const help = `Parley, a chat server with a GraphQL API.

  parley                    start the server; its settings are environment variables
  parley --ephemeral        start a server for tests: in memory, on a free port of 127.0.0.1, without services
    --seed [FILE]           with users, channels and messages: the built-in ones, or those of a JSON file
    --port=N                on this port
    --control-port=N        with the control address on this port; by default on a free one
    --set=NAME=VALUE        with another value of a setting; may be repeated
    --json                  print the addresses and the seed as one line of JSON
  parley --help, --version

Settings: docs/operations.md. Tests: docs/clients/testing.md.
`;

const options = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
  ephemeral: { type: 'boolean' },
  seed: { type: 'string' },
  port: { type: 'string' },
  'control-port': { type: 'string' },
  set: { type: 'string', multiple: true },
  json: { type: 'boolean' },
} as const;

/**
 * Reads the arguments of the program.
 * @throws StartError with one line if they make no sense
 */
export function readCommandLine(args: readonly string[]): Command {
  const { help, version, ephemeral, ...others } = parse(args);
  if (help) return { kind: 'help' };
  if (version) return { kind: 'version' };
  if (ephemeral) return { kind: 'ephemeral', options: readEphemeral(others) };
  const [alone] = Object.keys(others);
  if (alone !== undefined) throw new StartError(`--${alone} needs --ephemeral. See parley --help.`);
  return { kind: 'serve' };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: withSeedValue(args), options, strict: true }).values;
  } catch (error) {
    const { message } = error as Error;
    const [reason] = message.split(/\.? *\n|\. /, 1);
    throw new StartError(`${reason}. See parley --help.`, { cause: error });
  }
}

/** The value of `--seed` may be left out, which `parseArgs` does not know: it gets an empty one. */
function withSeedValue(args: readonly string[]): string[] {
  return args.map((arg, n) => (arg === '--seed' && /^(-|$)/.test(args[n + 1] ?? '') ? '--seed=' : arg));
}

function readEphemeral(values: Omit<ReturnType<typeof parse>, 'help' | 'version' | 'ephemeral'>): EphemeralCommand {
  const { port, seed, json = false, set = [] } = values;
  return {
    port: readPort('port', port),
    controlPort: readPort('control-port', values['control-port']),
    seed: seed === undefined ? null : seed || true,
    json,
    settings: Object.fromEntries(set.map(readSetting)),
  };
}

function readPort(name: string, text = '0'): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new StartError(`--${name} must be a port, 0 to 65535. See parley --help.`);
}

function readSetting(text: string): [string, string] {
  const [, name, value] = /^(\w+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new StartError('--set must be NAME=VALUE, such as --set RATE_LIMITS=on. See parley --help.');
  return [name, value];
}
