import { readText } from '../text/text-kinds.ts';

/**
 * Returns the name of a device for the list of sessions: the given one, else a short form of its user agent, also if parts of the
 * given one cannot be seen.
 */
export function deviceName(device: string | null, userAgent: string): string {
  const { value, problems } = readText('device', device ?? '', 'input.device');
  return problems.length === 0 ? value : shortAgent(userAgent);
}

// The order matters: most browsers also name browsers that they resemble, and Android names Linux.
const browsers = ['Edg', 'Firefox', 'Chrome', 'Safari', 'curl', 'okhttp', 'Dart'];
const systems = ['Android', 'iPhone', 'iPad', 'Windows', 'Mac OS', 'Linux'];

function shortAgent(userAgent: string): string {
  const isNamed = (name: string) => userAgent.includes(name);
  const browser = browsers.find(isNamed)?.replace('Edg', 'Edge');
  return [browser, systems.find(isNamed)].filter(Boolean).join(' on ') || 'Unknown device';
}
