import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { reasonOf, StartError } from '../start-errors.ts';

const key = z.string().regex(/^[\w-]{1,40}$/, 'must be 1 to 40 letters, digits, dashes or underscores');

const message = z.strictObject({
  by: key,
  text: z.string().default(''),
  /** Number of the message that it replies to, from 0. */
  replyTo: z.int().min(0).optional(),
  files: z.array(z.strictObject({ name: z.string(), text: z.string() })).default([]),
});

const channel = z.strictObject({
  key,
  messages: z.array(message).default([]),
  /** Number of the newest messages that a member has not seen; 0 for others. */
  unread: z.record(key, z.int().min(0)).default({}),
});

const seed = z
  .strictObject({
    users: z.array(z.strictObject({ key, name: z.string(), email: z.string(), password: z.string() })).min(1),
    rooms: z
      .array(
        channel.extend({
          name: z.string(),
          visibility: z.enum(['PUBLIC', 'PRIVATE']).default('PUBLIC'),
          /** The first one opens the room. */
          members: z.array(key).min(1),
        }),
      )
      .default([]),
    directs: z.array(channel.extend({ members: z.tuple([key, key]) })).default([]),
  })
  .superRefine(({ users, rooms, directs }, { addIssue }) => {
    const refuse = (message: string) => addIssue({ code: 'custom', message });
    const keys = [users, [...rooms, ...directs]].map((group) => group.map((one) => one.key));
    for (const [index, one] of keys.entries())
      if (new Set(one).size < one.length) refuse(`Two ${index === 0 ? 'users' : 'channels'} have the same key.`);
    for (const { key, members, messages, unread } of [...rooms, ...directs]) {
      const named = [...members, ...messages.map(({ by }) => by), ...Object.keys(unread)];
      for (const one of new Set(named)) if (!keys[0]?.includes(one)) refuse(`${key} names ${one}, who is not a user.`);
      if (messages.some(({ replyTo = -1 }, n) => replyTo >= n)) refuse(`${key} has a reply to a later message.`);
    }
  });

/** Data that a server starts with. */
export type Seed = z.output<typeof seed>;

const password = 'lighthouse keeper';

/** The seed that `--seed` means without a file. */
export const defaultSeed: Seed = seed.parse({
  users: [
    { key: 'ada', name: 'Ada', email: 'ada@example.org', password },
    { key: 'bob', name: 'Bob', email: 'bob@example.org', password },
    { key: 'cleo', name: 'Cleo', email: 'cleo@example.org', password },
  ],
  rooms: [
    {
      key: 'lobby',
      name: 'Lobby',
      members: ['ada', 'bob', 'cleo'],
      messages: [
        { by: 'ada', text: 'Welcome to the lobby!' },
        { by: 'bob', text: 'Good morning.' },
        { by: 'cleo', text: 'Hello, you two.', replyTo: 0 },
        {
          by: 'ada',
          text: 'The minutes of yesterday:',
          files: [{ name: 'minutes.txt', text: 'Nothing was decided.\n' }],
        },
        { by: 'bob', text: 'Thanks!' },
        { by: 'cleo', text: 'Who is in on Friday?' },
      ],
      unread: { ada: 2 },
    },
  ],
  directs: [
    {
      key: 'ada-bob',
      members: ['ada', 'bob'],
      messages: [
        { by: 'ada', text: 'Lunch at twelve?' },
        { by: 'bob', text: 'Half past, please.' },
        { by: 'bob', text: 'And not the canteen.' },
      ],
      unread: { ada: 1 },
    },
  ],
});

/** Reads a seed from a JSON file. @throws StartError if that is not possible */
export async function readSeed(path: string): Promise<Seed> {
  try {
    return seed.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? problemsOf(cause) : reasonOf(cause);
    throw new StartError(`--seed: ${path} cannot be used: ${reason}`, { cause });
  }
}

function problemsOf({ issues }: z.ZodError): string {
  return issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': ')).join('; ');
}
