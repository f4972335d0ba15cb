import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const options =
  'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout server.key -out server.crt -subj /CN=localhost -addext subjectAltName=DNS:localhost';

/**
 * Creates a self-signed certificate for `localhost`, and its key, in a directory.
 * @returns the paths of the two PEM files
 */
export async function makeCertificate(identity: {
  cwd: string;
  uid?: number;
  gid?: number;
}): Promise<{ certificate: string; key: string }> {
  await run('openssl', options.split(' '), identity);
  return { certificate: join(identity.cwd, 'server.crt'), key: join(identity.cwd, 'server.key') };
}
