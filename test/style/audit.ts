import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** Entry of `package-lock.json`, as in https://docs.npmjs.com/cli/configuring-npm/package-lock-json. */
interface Locked {
  dev?: boolean;
  link?: boolean;
  integrity?: string;
  deprecated?: string;
  hasInstallScript?: boolean;
}

/** Result of `npm audit --json`, as far as it is read here. */
interface Audit {
  vulnerabilities?: Record<string, { severity: string; range: string }>;
}

/** Packages that may run a script when they are installed. */
const mayRunScripts = ['prisma', '@prisma/engines', 'esbuild', 'cpu-features', 'protobufjs', 'ssh2'];
const refused = ['high', 'critical'];

/**
 * Audits the dependencies: the lock file by itself, and the packages that run in production by the registry's advisories. A
 * registry that serves no advisories leaves a line that says so.
 */
async function main(): Promise<void> {
  const problems = [...auditLockfile(), ...(await auditAdvisories())];
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) process.exitCode = 1;
}

function auditLockfile(): string[] {
  const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };
  const locked = Object.entries(packages).filter(([path, { link }]) => path !== '' && !link);
  return locked.flatMap(([path, entry]) => problemsOf(path.slice(path.lastIndexOf('node_modules/') + 13), entry));
}

function problemsOf(name: string, { dev, integrity, deprecated, hasInstallScript }: Locked): string[] {
  return [
    integrity?.startsWith('sha512-') ? [] : `${name} has no SHA-512 checksum in package-lock.json: install it again.`,
    deprecated === undefined || dev ? [] : `${name} is deprecated: ${deprecated}`,
    !hasInstallScript || mayRunScripts.includes(name)
      ? []
      : `${name} runs a script when it is installed: read it, then list it in test/style/audit.ts.`,
  ].flat();
}

async function auditAdvisories(): Promise<string[]> {
  const { vulnerabilities } = await readAudit();
  if (vulnerabilities === undefined) {
    console.warn('The registry serves no advisories here: known vulnerabilities were NOT checked.');
    return [];
  }
  console.info(`${Object.keys(vulnerabilities).length} packages with known vulnerabilities.`);
  return Object.entries(vulnerabilities)
    .filter(([, { severity }]) => refused.includes(severity))
    .map(([name, { severity, range }]) => `${name} ${range} has a ${severity} vulnerability: see npm audit.`);
}

/** npm exits with 1 for vulnerabilities and for a registry that does not answer; only the former prints a report. */
async function readAudit(): Promise<Audit> {
  const audit = promisify(execFile)('npm', ['audit', '--omit=dev', '--json'], { maxBuffer: 64_000_000 });
  const { stdout } = await audit.catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }));
  try {
    return JSON.parse(stdout) as Audit;
  } catch {
    return {};
  }
}

await main();
