import { readFile } from 'node:fs/promises';
import { type GraphQLSchema, parse, validate } from 'graphql';
import { ConfigError } from '../config.ts';
import {
  createTrustedDocuments,
  type Manifest,
  ManifestError,
  readManifest,
  type TrustedDocuments,
} from '../gateway/graphql/trusted-documents.ts';
import type { Logger } from '../logger.ts';

/** Name of the manifest of the web client, beside its page. */
const clientManifest = 'trusted-documents.json';

/**
 * Reads the trusted documents. Those that do not match the schema are logged: their clients get validation errors.
 * @param options.files manifests of the operators
 * @param options.clientDir directory of the built web client, whose documents are trusted too; null: they are not
 * @throws ConfigError if a manifest cannot be read
 */
export async function readTrustedDocuments(options: {
  files: readonly string[];
  clientDir: string | null;
  schema: GraphQLSchema;
  logger: Logger;
}): Promise<TrustedDocuments> {
  const { files, clientDir, schema, logger } = options;
  const own = clientDir === null ? [] : [await readOwn(`${clientDir}/${clientManifest}`)];
  const manifests = await Promise.all(files.map(readFileOf));
  for (const [id, text] of manifests.flatMap((manifest) => [...manifest])) {
    const [error] = validate(schema, parse(text));
    if (error) logger.warn({ id, problem: error.message }, 'a trusted document does not match the schema');
  }
  return namingSetting('', () => createTrustedDocuments([...manifests, ...own]));
}

async function readFileOf(file: string): Promise<Manifest> {
  const json = await readFile(file, 'utf8').catch(() => {
    throw refusal(file, 'cannot be read');
  });
  return namingSetting(file, () => readManifest(json));
}

/** A web client that is not built sends nothing. */
async function readOwn(file: string): Promise<Manifest> {
  const json = await readFile(file, 'utf8').catch(() => '{}');
  return readManifest(json);
}

function namingSetting<Result>(file: string, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw error instanceof ManifestError ? refusal(file, error.message) : error;
  }
}

const refusal = (file: string, message: string) =>
  new ConfigError([`TRUSTED_DOCUMENTS: ${[file, message].join(' ').trim()}`]);
