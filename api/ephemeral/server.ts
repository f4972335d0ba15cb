import { setTimeout as delay } from 'node:timers/promises';
import { createApp } from '../app.ts';
import type { Config } from '../config.ts';
import type { RootLogger } from '../logger.ts';
import { StartInterruptedError } from '../start-errors.ts';
import { openData } from './data.ts';
import { createFaults } from './faults.ts';
import { openNetwork } from './network.ts';
import { createOwnSignals } from './own-signal.ts';
import type { SeedReport } from './report.ts';
import { seedServer } from './seed.ts';
import type { Seed } from './seed-data.ts';
import { hashCost } from './settings.ts';
import { createTokens, type IssuedTokens } from './tokens.ts';

/** Parts and choices of an ephemeral server. */
interface Options {
  config: Config;
  logger: RootLogger;
  /** Port for clients; 0 picks a free one. */
  port: number;
  /** Data to start with; null: none. */
  seed: Seed | null;
  /** Asks for the stop while it starts. */
  stopping: AbortSignal;
}

/** One life of the server behind the network. */
type App = Awaited<ReturnType<typeof createApp>>;

/**
 * Opens a server for the tests of its clients: the whole app over ports in memory, behind a network and with faults that tests order.
 * A restart makes a new app over the same ports; a reset restores their data first.
 * @throws StartError if the port is taken or the seed refused; StartInterruptedError
 */
export async function openEphemeralServer({ config, logger, port, seed, stopping }: Options) {
  const faults = createFaults();
  const tokens = createTokens();
  const overrides = { wrapAuth: tokens.wrap, beforeOperation: faults.beforeOperation, hashCost };
  const stoppingOfApp = createOwnSignals(stopping);
  let issued: IssuedTokens = [];
  const data = await openData(config, logger, stopping);
  let app: App | null = null;
  const network = await openNetwork({ port, target: () => app?.port ?? 0 }).catch(closeData);
  const report = await start().catch(async (error: unknown) => {
    await network.stop();
    return closeData(error);
  });

  return {
    url: `http://127.0.0.1:${network.port}`,
    seed: report,
    network,
    faults,
    tokens,
    openConnections: () => app?.openConnections() ?? [],
    /** Ends all sessions of a user. @returns their number */
    async revoke(userId: string): Promise<number> {
      const viewers = await tokens.viewersOf(userId);
      for (const viewer of viewers) await app?.domain?.accounts.revokeSession(viewer, viewer.sessionId);
      return viewers.length;
    },
    isServing: () => app !== null,
    recover,
    /** Ends the app as a deployment does, refuses connections for `ms` milliseconds, and starts another one with the same data. */
    async restart(ms: number): Promise<void> {
      await stopApp();
      await delay(ms, undefined, { signal: stopping });
      await startApp();
    },
    /** Restores the data of the start, and ends all faults. Tokens that were issued at the start are valid again. */
    async reset(): Promise<void> {
      recover();
      await stopApp();
      // Slow connections still have data of before.
      network.cut();
      tokens.restore(issued);
      await data.restore();
      await startApp();
    },
    async stop(): Promise<boolean> {
      await stopApp();
      await network.stop();
      return data.stop();
    },
  };

  /** Ends all faults and delays. Connections and data stay. */
  function recover(): void {
    faults.clear();
    network.delay(0);
  }

  async function closeData(error: unknown): Promise<never> {
    await app?.stop();
    await data.stop();
    throw error;
  }

  async function start(): Promise<SeedReport | null> {
    await startApp();
    const seeded = seed && (await seedServer(`http://127.0.0.1:${app?.port}`, seed));
    await data.keep();
    issued = tokens.dump();
    return seeded;
  }

  async function startApp(): Promise<void> {
    if (stopping.aborted) throw new StartInterruptedError();
    app = await createApp(config, logger, { ...overrides, ports: data.ports() }, stoppingOfApp());
    await network.accept();
  }

  async function stopApp(): Promise<void> {
    network.refuse();
    const stopped = app;
    app = null;
    await stopped?.stop();
  }
}

export type EphemeralServer = Awaited<ReturnType<typeof openEphemeralServer>>;
