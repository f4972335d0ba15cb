import { z } from 'zod';
import { encodeId, findId } from '../../schema/ids.ts';
import { faultCodes, maxFaults } from './faults.ts';
import type { ServerState } from './report.ts';
import type { EphemeralServer } from './server.ts';
import { trafficKinds } from './traffic.ts';

const ms = z.int().min(0).max(60_000);
const user = z.string().min(1);
const operation = z.string().min(1);
const times = z.int().min(1).max(1_000_000);
const delayInput = z.strictObject({
  ms,
  only: z.enum(trafficKinds).optional(),
  operation: operation.optional(),
  times: times.optional(),
});
/** Codes that a server may close a WebSocket with (RFC 6455, section 7.4); 4000 to 4999 are those of applications. */
const closeCode = z.union([z.literal([1000, 1001, 1011, 1012, 1013, 1014]), z.int().min(3_000).max(4_999)]);

/** Thrown when an action cannot be done as it was asked for. */
export class ActionError extends Error {
  override readonly name = 'ActionError';
}

/** An action of the control address: the schema of its body, and its work. */
export interface Action {
  input: z.ZodType;
  /** Returns the response's body. @throws ActionError */
  run(input: never): unknown;
}

/**
 * Creates the actions that tests can order, by name. Those that change the server run one after another.
 * @param stop asks for the end of the process
 */
export function createActions(server: EphemeralServer, stop: () => void): Readonly<Record<string, Action>> {
  const { network, faults, tokens, seed } = server;
  let last: Promise<unknown> = Promise.resolve();

  return {
    drop: action(z.strictObject({ user: user.optional(), code: closeCode.optional() }), drop),
    restart: action(z.strictObject({ ms: ms.default(0) }), async (input) => {
      await inTurn(() => server.restart(input.ms));
      return state();
    }),
    reset: action(z.strictObject({}), async () => {
      await inTurn(server.reset);
      return state();
    }),
    delay: action(delayInput, delay),
    fail: action(
      z.strictObject({
        operation: operation.optional(),
        code: z.enum(faultCodes).default('UNAVAILABLE'),
        times: times.default(1),
        retryAfterMs: ms.default(1_000),
      }),
      (input) => {
        addFault({ ...input, operation: input.operation ?? null, delayMs: 0 });
        return state();
      },
    ),
    recover: action(z.strictObject({}), () => {
      server.recover();
      return state();
    }),
    expire: action(z.strictObject({ user }), async (input) => ({ expired: await tokens.expire(userIdOf(input.user)) })),
    revoke: action(z.strictObject({ user }), async (input) => ({ revoked: await server.revoke(userIdOf(input.user)) })),
    stop: action(z.strictObject({}), () => {
      // The response goes out first.
      setImmediate(stop);
      return {};
    }),
    state: action(z.strictObject({}), state),
    seed: action(z.strictObject({}), () => seed),
  };

  function state(): ServerState {
    const connections = server.openConnections().map(({ transport, userId }) => {
      const id = userId && encodeId('User', userId);
      return {
        transport,
        userId: id,
        user: Object.entries(seed?.users ?? {}).find(([, one]) => one.id === id)?.[0] ?? null,
      };
    });
    const listed = faults.list().map(({ operation, code, delayMs, times }) => ({ operation, code, delayMs, times }));
    return { isServing: server.isServing(), delayMs: network.delays(), connections, faults: listed };
  }

  /** Ends connections of one user or of everybody; without a code, their network goes away. */
  function drop(input: { user?: string | undefined; code?: number | undefined }): { dropped: number } {
    const userId = input.user === undefined ? null : userIdOf(input.user);
    const dropped = server.openConnections().filter((one) => userId === null || one.userId === userId);
    for (const { close } of dropped) close(input.code ?? null);
    if (userId === null && input.code === undefined) network.cut();
    return { dropped: dropped.length };
  }

  function delay({ ms, only, operation, times }: z.output<typeof delayInput>): ServerState {
    if (operation !== undefined && only !== undefined)
      throw new ActionError('Use either `only` or `operation`: an operation is delayed before it begins.');
    if (operation === undefined && times !== undefined)
      throw new ActionError('`times` needs an `operation`: everything else is delayed until you end that.');
    if (operation === undefined) network.delay(ms, only);
    else addFault({ operation, delayMs: ms, code: null, times: times ?? null, retryAfterMs: 0 });
    return state();
  }

  function addFault(fault: Parameters<typeof faults.add>[0]): void {
    if (faults.list().length >= maxFaults)
      throw new ActionError(`There are ${maxFaults} faults already: reset the server.`);
    faults.add(fault);
  }

  /** Returns the UUID of a user of the seed, by key, or of any user, by the id of the API. */
  function userIdOf(given: string): string {
    const id = findId('User', seed?.users[given]?.id ?? given);
    if (id === null) throw new ActionError(`${given} is neither a key of the seed nor the id of a user.`);
    return id;
  }

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  }
}

function action<Input extends z.ZodType>(input: Input, run: (input: z.output<Input>) => unknown): Action {
  return { input, run };
}
