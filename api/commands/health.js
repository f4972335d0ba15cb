import { get } from 'node:http';
import { get as getSecurely } from 'node:https';

/*
 * The health check of the image: asks the server of this machine, with the server's own variables, whether it is healthy. The
 * exit code is 0 if it is, 1 otherwise. In JavaScript, and without imports of the server: it runs every few seconds.
 */

/** Milliseconds that an address has to respond. */
const timeoutMs = 2_500;

/**
 * Addresses to ask for a `HOST` that stands for all addresses. A machine may have no IPv6.
 * @type {Record<string, string[]>}
 */
const standing = { '': ['127.0.0.1'], '0.0.0.0': ['127.0.0.1'], '::': ['127.0.0.1', '::1'] };

// As in `readConfig`: spaces around a value do not count, and a variable of nothing else is unset.
const [given, port, certificate] = ['HOST', 'PORT', 'TLS_CERT_FILE'].map((name) => process.env[name]?.trim() ?? '');
const host = (given ?? '').replace(/^\[(.*)\]$/, '$1');
const states = await Promise.all((standing[host] ?? [host]).map(isHealthy));
process.exit(states.includes(true) ? 0 : 1);

/**
 * Returns whether the server responds at an address that it is healthy.
 * @param {string} address
 * @returns {Promise<boolean>}
 */
function isHealthy(address) {
  const options = { host: address, port: port || 4000, path: '/health', timeout: timeoutMs, rejectUnauthorized: false };
  return new Promise((resolve) => {
    const request = (certificate ? getSecurely : get)(options, ({ statusCode }) => resolve(statusCode === 200));
    request.once('error', () => resolve(false));
    request.once('timeout', () => request.destroy(new Error('no response')));
  });
}
