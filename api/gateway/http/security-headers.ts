import type { IncomingMessage, ServerResponse } from 'node:http';
import helmet from 'helmet';

/** Seconds for which browsers use HTTPS alone once they have seen it: half a year. */
const transportSeconds = 15_552_000;
/** Features of browsers that no page of this server uses. */
const permissions = 'camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()';

/**
 * Creates the setter of the security headers that every response has. A route may replace them: the web client's page has
 * a content policy of its own, files and pictures may be embedded elsewhere.
 * @param isSecure whether clients reach this server over HTTPS
 */
export function createSecurityHeaders({ isSecure }: { isSecure: boolean }) {
  const setAll = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], baseUri: ["'none'"], formAction: ["'none'"], frameAncestors: ["'none'"] },
    },
    frameguard: { action: 'deny' },
    strictTransportSecurity: isSecure && { maxAge: transportSeconds, includeSubDomains: false },
  });

  return (request: IncomingMessage, response: ServerResponse): void => {
    setAll(request, response, () => {});
    response.setHeader('permissions-policy', permissions);
  };
}
