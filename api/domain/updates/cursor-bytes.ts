/** Bytes that are read from a place on. */
interface Reading {
  readonly bytes: Buffer;
  /** Index of the next byte; beyond the end once a read has failed. */
  at: number;
}

/** Appends a safe integer from 0 on, in groups of seven bits from the lowest (LEB128). */
export function writeNumber(bytes: number[], value: number): void {
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80);
  bytes.push(rest);
}

/** Reads a number that `writeNumber` wrote; null if there is none. */
export function readNumber(reading: Reading): number | null {
  let value = 0;
  for (let factor = 1; factor <= Number.MAX_SAFE_INTEGER; factor *= 0x80) {
    const byte = reading.bytes[reading.at++];
    if (byte === undefined) return null;
    value += (byte % 0x80) * factor;
    if (byte < 0x80) return Number.isSafeInteger(value) ? value : null;
  }
  return null;
}

/** Appends a UUID. */
export function writeUuid(bytes: number[], id: string): void {
  bytes.push(...Buffer.from(id.replaceAll('-', ''), 'hex'));
}

/** Reads a UUID; null if the bytes have ended. */
export function readUuid(reading: Reading): string | null {
  const hex = reading.bytes.subarray(reading.at, reading.at + 16).toString('hex');
  reading.at += 16;
  return hex.length < 32 ? null : hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
