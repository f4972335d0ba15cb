import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const version = '4.4.0';
const cache = join(homedir(), '.cache', 'parley-kafka');

/** Directory of Kafka's jars after their download. */
export const kafkaCache = join(cache, version);

/** Returns the directory of Kafka's jars. The first call downloads them with Maven; later runs reuse them. */
export async function findKafkaJars(): Promise<string> {
  if (existsSync(kafkaCache)) return kafkaCache;
  await mkdir(cache, { recursive: true });
  const directory = await mkdtemp(join(cache, 'download-'));
  await writeFile(join(directory, 'pom.xml'), pom);
  const target = join(directory, 'libs');
  const copy = ['dependency:copy-dependencies', `-DoutputDirectory=${target}`];
  await run('mvn', ['-q', '-B', '-f', join(directory, 'pom.xml'), ...copy]);
  // Another test process may have been first.
  await rename(target, kafkaCache).catch((error: unknown) => {
    if (!existsSync(kafkaCache)) throw error;
  });
  await rm(directory, { recursive: true });
  return kafkaCache;
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>parley</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${version}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka-server</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`;
