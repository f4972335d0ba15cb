import { MIMEType } from 'node:util';

/** Media types of responses, in the order of the server's preference. */
const resultTypes = ['application/json', 'application/graphql-response+json', 'text/event-stream', 'multipart/mixed'];

/** Media types of the responses that a client accepts (RFC 9110, section 12.5.1). */
export interface Accepted {
  /** Type of a single result; null if the client accepts none. */
  result: string | null;
  /** Type of a stream of results; null if the client accepts none. */
  stream: 'text/event-stream' | 'multipart/mixed' | null;
  /** Whether it accepts `application/json`, however much it prefers another type. */
  hasJson: boolean;
  /** The JSON type that the client prefers of those that it names; null if it names none. */
  namedJson: string | null;
}

/** A media range of the header. */
interface Range {
  /** Type and subtype in lower case, either of which may be `*`. */
  essence: string;
  /** Weight from 0, not acceptable, to 1. */
  weight: number;
  /** Position in the header. */
  place: number;
  /** Whether it asks for Apollo's protocol of subscriptions in `multipart/mixed`. */
  hasSubscriptions: boolean;
}

/**
 * Chooses the types of a response by the header `Accept`. The highest weight wins; of several types with the same weight JSON
 * wins for a result, and of the two JSON types the one that is named first. Without a header, as with wildcards alone, these are
 * `application/json` and `text/event-stream`.
 * @param accept the header's value; several headers joined by commas
 */
export function chooseTypes(accept: string | undefined): Accepted {
  const ranges = readRanges(accept?.trim() ? accept : '*/*');
  const results = resultTypes
    .map((type) => ({ type, kind: kindOf(type), ...rangeOf(type, ranges) }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight || a.kind - b.kind || a.place - b.place);
  const [stream] = [rangeOf('text/event-stream', ranges), ranges.find(({ hasSubscriptions }) => hasSubscriptions)]
    .map((range, n) => ({ weight: 0, place: 0, ...range, type: streamTypes[n] ?? null }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight || a.place - b.place);
  const hasJson = rangeOf('application/json', ranges).weight > 0;
  const json = results.find(({ type, kind }) => kind === 0 && ranges.some(({ essence }) => essence === type));
  const result = results[0]?.type ?? null;
  return { result, stream: stream?.type ?? null, hasJson, namedJson: json?.type ?? null };
}

const streamTypes = ['text/event-stream', 'multipart/mixed'] as const;

/** The two JSON types are of one kind: the client's order decides between them. */
function kindOf(type: string): number {
  return type.endsWith('json') ? 0 : resultTypes.indexOf(type);
}

/** Returns the most specific range that matches a type. A type that no range names comes after those that are named. */
function rangeOf(type: string, ranges: readonly Range[]): Pick<Range, 'weight' | 'place'> {
  const [group] = type.split('/');
  const named = ranges.find(({ essence }) => essence === type);
  if (named) return named;
  const wildcard =
    ranges.find(({ essence }) => essence === `${group}/*`) ?? ranges.find(({ essence }) => essence === '*/*');
  return { weight: wildcard?.weight ?? 0, place: ranges.length };
}

/** Reads the ranges of a header. Malformed ones, and those of another encoding than UTF-8, match nothing. */
function readRanges(accept: string): Range[] {
  return splitList(accept).flatMap((text, place) => {
    const type = readMediaType(text);
    if (type === null || !isUtf8(type)) return [];
    const weight = Number(type.params.get('q') ?? 1);
    const hasSubscriptions =
      type.essence === 'multipart/mixed' && /^1(?:\.|$)/.test(type.params.get('subscriptionspec') ?? '');
    return [{ essence: type.essence, weight: weight >= 0 && weight <= 1 ? weight : 1, place, hasSubscriptions }];
  });
}

/** Splits a list at its commas, those within quotes aside (RFC 9110, section 5.6.4). */
function splitList(list: string): string[] {
  return list.match(/(?:[^,"]|"(?:[^"\\]|\\.)*"?)+/g) ?? [];
}

/** Parses a media type or media range; null if it is malformed. */
export function readMediaType(text: string): MIMEType | null {
  try {
    return new MIMEType(text);
  } catch {
    return null;
  }
}

/** Whether a media type's charset is UTF-8, which is also the default of JSON, or a subset of it. */
export function isUtf8({ params }: MIMEType): boolean {
  return ['utf-8', 'utf8', 'us-ascii'].includes((params.get('charset') ?? 'utf-8').toLowerCase());
}
