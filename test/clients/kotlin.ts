import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startAgent } from './agent.ts';
import type { ForeignClient } from './foreign-chat.ts';

const run = promisify(execFile);
const cache = join(homedir(), '.cache', 'parley-clients');
const sources = ['examples/clients/kotlin', 'test/clients/kotlin'];
const kotlin = '2.2.20';
const compiler = { group: 'org.jetbrains.kotlin', artifact: 'kotlin-compiler-embeddable', version: kotlin };

/** Versions of Apollo Kotlin under test. */
export const apolloKotlin = { 4: '4.4.2', 5: '5.0.1' } as const;

/** An artifact of a Maven repository. */
interface Artifact {
  group: string;
  artifact: string;
  version: string;
}

/**
 * Starts the agent on Apollo Kotlin. The first call of a version downloads jars with Maven and compiles the agent; later runs
 * reuse both.
 * @param transport `default`, `graphql-transport-ws`, `network.ws` (the same by the older classes), `graphql-ws` or `multipart`
 */
export async function startKotlin(version: string, transport: string, url: string): Promise<ForeignClient> {
  const jars = await jarsOf({ group: 'com.apollographql.apollo', artifact: 'apollo-runtime-jvm', version });
  const agent = await compileAgent(jars);
  return startAgent('java', ['-cp', [agent, ...jars].join(':'), 'AgentKt', url, transport]);
}

async function compileAgent(jars: readonly string[]): Promise<string> {
  const agent = join(cache, `agent-${await digest(jars)}.jar`);
  await cached(agent, async (target) => {
    const classes = (await jarsOf(compiler)).join(':');
    const options = ['-no-stdlib', '-no-reflect', '-nowarn', '-cp', jars.join(':'), '-d', target];
    await run('java', ['-cp', classes, 'org.jetbrains.kotlin.cli.jvm.K2JVMCompiler', ...options, ...sources]);
  });
  return agent;
}

/** Returns the digest of the sources and the names of the jars. */
async function digest(jars: readonly string[]): Promise<string> {
  const hash = createHash('sha256').update(jars.join());
  for (const directory of sources)
    for (const name of (await readdir(directory)).sort()) hash.update(await readFile(join(directory, name)));
  return hash.digest('hex').slice(0, 16);
}

async function jarsOf(artifact: Artifact): Promise<string[]> {
  const directory = join(cache, `${artifact.artifact}-${artifact.version}`);
  await cached(directory, (target) => download(artifact, target));
  return (await readdir(directory)).map((name) => join(directory, name));
}

async function download(artifact: Artifact, target: string): Promise<void> {
  const project = await mkdtemp(join(cache, 'download-'));
  await writeFile(join(project, 'pom.xml'), pomOf(artifact));
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${target}`];
  await run('mvn', ['-q', '-B', '-f', join(project, 'pom.xml'), ...copy]);
  await rm(project, { recursive: true });
}

/** Makes a file or directory of the cache unless it exists: complete, or not at all. */
async function cached(path: string, make: (target: string) => Promise<void>): Promise<void> {
  if (existsSync(path)) return;
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'work-'));
  // The compiler tells a jar from a directory by the name.
  const target = join(work, path.slice(cache.length + 1));
  await make(target);
  await rename(target, path);
  await rm(work, { recursive: true });
}

function pomOf({ group, artifact, version }: Artifact): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>parley</groupId>
  <artifactId>clients</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>${group}</groupId>
      <artifactId>${artifact}</artifactId>
      <version>${version}</version>
    </dependency>
    <dependency>
      <groupId>org.jetbrains.kotlin</groupId>
      <artifactId>kotlin-stdlib</artifactId>
      <version>${kotlin}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-nop</artifactId>
      <version>2.0.17</version>
    </dependency>
  </dependencies>
</project>
`;
}
