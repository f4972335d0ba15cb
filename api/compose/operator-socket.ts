import { createAudit } from '../domain/audit.ts';
import { CommandError, createModeratorCommands, readModeratorCommand } from '../domain/moderator-commands.ts';
import type { Database } from '../infra/database/database.ts';
import { askLocally, createLocalResponder, socketPath } from '../local-socket.ts';
import type { Logger } from '../logger.ts';

/** Response to a command: the text to print, or the reason why it was not carried out. */
type Response = { text: string } | { refusal: string };

/** Name of the socket in `DATA_DIR`. */
const socketName = 'operator';

/** Carries out the words of a command of moderators over a database, and returns the text to print. @throws CommandError */
export function runModeratorCommand(database: Database, words: readonly string[]): Promise<string> {
  return readModeratorCommand(words)(createModeratorCommands({ database, audit: createAudit(database) }));
}

/**
 * Creates the part of a server with an embedded database by which an operator's command reaches the database: nobody else can open it
 * while the server runs. It listens on a socket in the data directory, which only the server's own system user may enter.
 */
export async function createOperatorSocket(options: { directory: string; database: Database; logger: Logger }) {
  return createLocalResponder(await socketPath(options.directory, socketName), async (request) =>
    JSON.stringify(await respond(JSON.parse(request) as string[])),
  );

  async function respond(words: readonly string[]): Promise<Response> {
    try {
      return { text: await runModeratorCommand(options.database, words) };
    } catch (error) {
      if (error instanceof CommandError) return { refusal: error.message };
      options.logger.error({ error }, "an operator's command failed");
      return { refusal: 'The server could not carry out the command: its log has the reason.' };
    }
  }
}

/**
 * Has the server that runs over a data directory carry out a command.
 * @returns the text to print; null if no server runs there
 * @throws CommandError
 */
export async function askServer(directory: string, words: readonly string[]): Promise<string | null> {
  const answer = await askLocally(await socketPath(directory, socketName), JSON.stringify(words));
  if (answer === null) return null;
  const response = JSON.parse(answer) as Response;
  if ('text' in response) return response.text;
  throw new CommandError(response.refusal);
}
