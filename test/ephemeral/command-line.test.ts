import { expect, it } from 'vitest';
import { readCommandLine } from '../../api/command-line.ts';
import { readEphemeralConfig } from '../../api/ephemeral/settings.ts';

const ephemeral = { port: 0, controlPort: 0, seed: null, json: false, settings: {} };

it.each([
  [[], { kind: 'serve' }],
  [['--help'], { kind: 'help' }],
  [['-h', '--ephemeral'], { kind: 'help' }],
  [['--version'], { kind: 'version' }],
  [['--ephemeral'], { kind: 'ephemeral', options: ephemeral }],
  [['--ephemeral', '--seed', '--json'], { kind: 'ephemeral', options: { ...ephemeral, seed: true, json: true } }],
  [['--ephemeral', '--seed', 'a.json'], { kind: 'ephemeral', options: { ...ephemeral, seed: 'a.json' } }],
  [['--seed=a.json', '--ephemeral'], { kind: 'ephemeral', options: { ...ephemeral, seed: 'a.json' } }],
  [
    ['--ephemeral', '--port', '4000', '--control-port=4001', '--set', 'A=b=c', '--set=D='],
    { kind: 'ephemeral', options: { ...ephemeral, port: 4000, controlPort: 4001, settings: { A: 'b=c', D: '' } } },
  ],
])('%j is read', (args, command) => {
  expect(readCommandLine(args)).toEqual(command);
});

it.each([
  [['--bad'], "Unknown option '--bad'. See parley --help."],
  [['--seed'], '--seed needs --ephemeral. See parley --help.'],
  [['--json'], '--json needs --ephemeral. See parley --help.'],
  [['--ephemeral', 'a.json'], "Unexpected argument 'a.json'. See parley --help."],
  [['start'], "Unexpected argument 'start'. See parley --help."],
  [['--ephemeral', '--port'], "Option '--port <value>' argument missing. See parley --help."],
  [['--ephemeral', '--port=65536'], '--port must be a port, 0 to 65535. See parley --help.'],
  [['--ephemeral', '--control-port=x'], '--control-port must be a port, 0 to 65535. See parley --help.'],
  [['--ephemeral', '--set=A'], '--set must be NAME=VALUE, such as --set RATE_LIMITS=on. See parley --help.'],
])('%j is refused in one line', (args, message) => {
  expect(() => readCommandLine(args)).toThrow(message);
});

it('an ephemeral server can have other limits, but no services', () => {
  expect(readEphemeralConfig({ RATE_LIMITS: 'on' })).toMatchObject({ RATE_LIMITS: 'on', HOST: '127.0.0.1' });
  for (const name of ['DATABASE_URL', 'REDIS_URL', 'KAFKA_BROKERS', 'S3_BUCKET', 'HOST', 'DATA_DIR'])
    expect(() => readEphemeralConfig({ [name]: 'x' })).toThrow(`--set ${name}: an ephemeral server keeps everything`);
  expect(() => readEphemeralConfig({ RATE_LIMIT: 'on' })).toThrow('--set RATE_LIMIT: no setting has this name.');
  expect(() => readEphemeralConfig({ MAX_REPLAY: 'many' })).toThrow('MAX_REPLAY');
});
