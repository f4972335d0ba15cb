import type { ByteRange } from '../../infra/objects/objects.ts';

/**
 * Reads a `Range` header (RFC 9110, section 14.2).
 * @param size size of the representation, in bytes
 * @returns null if the header is ignored and everything is sent: it has another unit, is malformed, asks for several ranges,
 * or the representation is empty, since some clients ask for a range of everything
 */
export function parseByteRange(header: string, size: number): ByteRange | null | 'unsatisfiable' {
  const [, list = ''] = /^bytes=(.*)$/i.exec(header) ?? [];
  const specs = list
    .split(',')
    .map((spec) => spec.trim())
    .filter((spec) => spec !== '');
  const ranges = specs.map((spec) => parseSpec(spec, size));
  if (specs.length === 0 || size === 0 || ranges.includes(null)) return null;
  const [range = 'unsatisfiable', ...others] = ranges.filter((one) => one !== 'unsatisfiable');
  return others.length > 0 ? null : range;
}

function parseSpec(spec: string, size: number): ByteRange | null | 'unsatisfiable' {
  const [, first, last] = /^(\d*)-(\d*)$/.exec(spec) ?? [];
  if (first === undefined || last === undefined || first + last === '') return null;
  if (first === '')
    return Number(last) === 0 ? 'unsatisfiable' : { start: Math.max(size - Number(last), 0), end: size - 1 };
  if (last !== '' && Number(last) < Number(first)) return null;
  if (Number(first) >= size) return 'unsatisfiable';
  return { start: Number(first), end: last === '' ? size - 1 : Math.min(Number(last), size - 1) };
}
