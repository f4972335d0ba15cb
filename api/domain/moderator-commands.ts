import type { Database } from '../infra/database/database.ts';
import { statement } from '../infra/database/statement.ts';
import type { Row } from '../infra/database/table.ts';
import { arrayOf, bool, nullable, text, uuid } from '../infra/database/types.ts';
import { StartError } from '../start-errors.ts';
import { emailKey, storedEmails } from '../text/email-address.ts';
import { type Audit, selectNewestActs } from './audit.ts';

/** Maximum number of acts that one command prints. */
const maxActs = 10_000;
/** Number of acts that it prints by default. */
const defaultActs = 100;

const moderatorUsage = `Appoints moderators of the service, and prints what moderators did. The server may run or not.

  npm run moderator -- add EMAIL
  npm run moderator -- remove EMAIL
  npm run moderator -- list
  npm run moderator -- audit [NUMBER]

Moderators resolve reports and suspend users. EMAIL is the address of a registered user.
`;

/** Thrown for a command that cannot be carried out; the message says why. */
export class CommandError extends StartError {
  override readonly name = 'CommandError';
}

/** A command with its arguments, as the operator writes it. */
export type ModeratorCommand = (commands: ModeratorCommands) => Promise<string>;

/**
 * Reads the words of a command.
 * @throws CommandError with the usage for words that are no command
 */
export function readModeratorCommand(words: readonly string[]): ModeratorCommand {
  const [command, argument, ...rest] = words;
  const isNumber = argument === undefined || /^[1-9]\d{0,4}$/.test(argument);
  if (rest.length > 0) throw new CommandError(moderatorUsage);
  if (command === 'add' && argument !== undefined) return ({ appoint }) => appoint(argument, true);
  if (command === 'remove' && argument !== undefined) return ({ appoint }) => appoint(argument, false);
  if (command === 'list' && argument === undefined) return ({ list }) => list();
  if (command === 'audit' && isNumber) return ({ acts }) => acts(Number(argument ?? defaultActs));
  throw new CommandError(moderatorUsage);
}

/** Creates the operator's commands for moderators of the service. Each returns the text to print. */
export function createModeratorCommands({
  database,
  audit,
}: {
  database: Pick<Database, 'transaction' | 'query'>;
  audit: Audit;
}) {
  return {
    /** Appoints the registered user of an e-mail address, or ends the appointment. Repeated calls change nothing. */
    async appoint(email: string, isModerator: boolean): Promise<string> {
      await database.transaction(async (query) => {
        const [user] = await query(selectRegistered, { emails: storedEmails(email) });
        if (user === undefined) throw new CommandError(`No registered user has the address ${emailKey(email)}.`);
        const act = isModerator ? 'MODERATOR_ADDED' : 'MODERATOR_REMOVED';
        if ((await query(updateModerator, { userId: user.id, isModerator })).length > 0)
          await audit.write({ act, actorId: null, userId: user.id }, query);
      });
      return `${emailKey(email)} is ${isModerator ? 'a' : 'no'} moderator of the service.\n`;
    },

    /** Lists the moderators by e-mail address. */
    async list(): Promise<string> {
      const moderators = await database.query(selectModerators, {});
      return moderators.map(({ id, email, name }) => `${email ?? '-'}  ${id}  ${name}\n`).join('');
    },

    /** Lists the newest acts of moderation, newest first. */
    async acts(limit: number): Promise<string> {
      const acts = await database.query(selectNewestActs, { limit: Math.min(limit, maxActs) });
      return acts.map(describeAct).join('');
    },
  };
}

type ModeratorCommands = ReturnType<typeof createModeratorCommands>;

function describeAct(act: Row<typeof selectNewestActs.row>): string {
  const actor = act.actorId === null ? 'the operator' : `${act.actorName ?? ''} (${act.actorId})`;
  const subject = `${act.userName ?? ''} (${act.userId})`;
  const place = act.messageId === null ? '' : `, message ${act.messageId} of channel ${act.channelId}`;
  const until = act.until === null ? '' : `, until ${act.until.toISOString()}`;
  const reason = act.reason === null ? '' : `: ${JSON.stringify(act.reason)}`;
  return `${act.at.toISOString()}  ${act.act}  by ${actor}, of ${subject}${place}${until}${reason}\n`;
}

const selectRegistered = statement({
  sql: 'SELECT u.id FROM users u WHERE u.email = ANY($emails) AND u.password_hash IS NOT NULL ORDER BY array_position($emails, u.email) LIMIT 1',
  parameters: { emails: arrayOf(text) },
  row: { id: uuid },
});

/** Sets whether a user is a moderator; no row if nothing changes. */
const updateModerator = statement({
  sql: 'UPDATE users SET is_moderator = $isModerator WHERE id = $userId AND is_moderator <> $isModerator RETURNING id',
  parameters: { userId: uuid, isModerator: bool },
  row: { id: uuid },
});

const selectModerators = statement({
  sql: 'SELECT u.id, u.email, u.name FROM users u WHERE u.is_moderator ORDER BY u.email, u.id LIMIT 1000',
  row: { id: uuid, email: nullable(text), name: text },
});
