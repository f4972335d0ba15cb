import type { PrismaClient } from '../../../prisma/generated/client.ts';

type DriverFactory = Extract<ConstructorParameters<typeof PrismaClient>[0], { adapter: object }>['adapter'];
type Driver = Awaited<ReturnType<DriverFactory['connect']>>;
type Transaction = Awaited<ReturnType<Driver['startTransaction']>>;
type Method<Parameters extends unknown[], Result> = (...parameters: Parameters) => Promise<Result>;

/**
 * Wraps Prisma's driver so that it throws the errors of the database port. Prisma passes unknown errors on unchanged.
 * @param translate throws the error of the port for one of the driver
 */
export function translateErrors(factory: DriverFactory, translate: (error: unknown) => never): DriverFactory {
  function guard<Parameters extends unknown[], Result>(method: Method<Parameters, Result>): Method<Parameters, Result> {
    return async (...parameters) => method(...parameters).catch(translate);
  }

  const guardTransaction = (transaction: Transaction): Transaction => ({
    provider: transaction.provider,
    adapterName: transaction.adapterName,
    options: transaction.options,
    queryRaw: guard((query) => transaction.queryRaw(query)),
    executeRaw: guard((query) => transaction.executeRaw(query)),
    commit: guard(() => transaction.commit()),
    rollback: guard(() => transaction.rollback()),
  });

  const guardDriver = (driver: Driver): Driver => ({
    provider: driver.provider,
    adapterName: driver.adapterName,
    queryRaw: guard((query) => driver.queryRaw(query)),
    executeRaw: guard((query) => driver.executeRaw(query)),
    executeScript: guard((script) => driver.executeScript(script)),
    startTransaction: guard(async (isolation) => guardTransaction(await driver.startTransaction(isolation))),
    getConnectionInfo: () => driver.getConnectionInfo?.() ?? { supportsRelationJoins: true },
    dispose: () => driver.dispose(),
  });

  return {
    provider: factory.provider,
    adapterName: factory.adapterName,
    connect: guard(async () => guardDriver(await factory.connect())),
  };
}
