import { password } from './accounts.ts';
import { people } from './people.ts';
import { seedServer } from './seed-server.ts';

/** Fills the server at the URL given as argument, `http://localhost:4000` by default, and prints the sign-ins. */
async function main(): Promise<void> {
  const url = readUrl(process.argv[2] ?? 'http://localhost:4000');
  const { sent, channels } = await seedServer(url);
  process.stdout.write(`${url} has ${people.length} people and ${channels} channels; ${sent} messages are new.\n`);
  console.table(people.map(({ name, key }) => ({ name, 'e-mail': `${key}@example.org`, password })));
}

/** Returns the origin of a URL, which may end in a slash. */
function readUrl(text: string): string {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text))
    throw new Error(`Pass the URL of a server, such as http://localhost:4000, instead of ${text}.`);
  return new URL(text).origin;
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
