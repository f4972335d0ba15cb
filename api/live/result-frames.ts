import { randomBytes } from 'node:crypto';
import { headerLength, totalBytes, writeHeader } from './frames.ts';

/** Type of the messages that carry results: `next` in graphql-transport-ws, `data` in the older graphql-ws. */
export type ResultType = 'next' | 'data';

/** The subscription that a frame is for. */
export interface FrameTarget {
  /** The operation's id, as JSON. */
  idJson: string;
  /** Type of its messages, by the protocol of its socket. */
  resultType: ResultType;
  /** The cursor of the client that resumes by one; null if its payloads have no place for it. */
  cursor: Pick<SplicedCursor, 'text'> | null;
}

/** The cursor of one subscription, which is filled into the frames that it shares with others. */
export interface SplicedCursor {
  /** Returns the cursor from which the client misses nothing that is queued later; ASCII that JSON does not escape. */
  text(): string;
  /** Keeps the text as it is, because the subscription is behind others, until `thaw` is called as many times. */
  freeze(): void;
  thaw(): void;
}

/** Returns the frames of messages with results for a subscription, in a buffer of the caller's own. */
export type EncodeFrames = (target: FrameTarget) => Buffer;

/**
 * Returns an encoder for payloads that many subscriptions get.
 * @param payloads JSON, one for each message
 */
export type CreateFrameEncoder = (payloads: readonly Buffer[]) => EncodeFrames;

/** Frames without operation ids and cursors, with room for ones of one length. */
interface Template {
  bytes: Buffer;
  /** Offset of each id, in bytes. */
  idOffsets: number[];
  /** Offset of each cursor, in bytes. */
  cursorOffsets: number[];
}

/** Lengths of the parts that a template has room for. */
interface Lengths {
  id: number;
  cursor: number;
}

const prefix = '{"id":';
const infixes = { next: Buffer.from(',"type":"next","payload":'), data: Buffer.from(',"type":"data","payload":') };
const suffix = '}';

/** Text that stands for a subscription's cursor in shared payloads. Nobody can guess it, so no other text contains it. */
export const cursorPlaceholder = `cursor:${randomBytes(16).toString('base64url')}`;
const placeholderBytes = Buffer.from(cursorPlaceholder);
/** Bound above the lengths of ids, so that one number names a pair of lengths. */
const maxIdLength = 65_536;

/**
 * Returns an encoder for payloads that many subscriptions get. The frames are built once for each type of message and length of
 * an operation's id; each call copies them and fills in the id.
 * @param payloads JSON, one for each message
 */
export function createFrameEncoder(payloads: readonly Buffer[]): EncodeFrames {
  const parts = payloads.map((payload) => [payload]);
  const templates = createTemplates((lengths, type) => createTemplate(parts, lengths, type));
  return ({ idJson, resultType }) => {
    const idLength = Buffer.byteLength(idJson);
    const template = templates({ id: idLength, cursor: 0 }, resultType);
    return fillIds(template, idJson, idLength);
  };
}

/**
 * Returns an encoder like that of `createFrameEncoder`, which also replaces `cursorPlaceholder`, wherever it stands in a payload,
 * by the target's cursor.
 */
export function createCursorFrameEncoder(payloads: readonly Buffer[]): EncodeFrames {
  const parts = payloads.map(splitAtPlaceholders);
  const templates = createTemplates((lengths, type) => createTemplate(parts, lengths, type));
  return ({ idJson, resultType, cursor }) => {
    const text = cursor?.text() ?? '';
    const idLength = Buffer.byteLength(idJson);
    const template = templates({ id: idLength, cursor: text.length }, resultType);
    const frames = fillIds(template, idJson, idLength);
    for (const offset of template.cursorOffsets) frames.write(text, offset, 'latin1');
    return frames;
  };
}

/** Returns a function that creates each template once. Nearly all targets take the same one as the target before. */
function createTemplates(create: (lengths: Lengths, type: ResultType) => Template) {
  const templates = new Map<number, Template>();
  let last: Template | undefined;
  let lastKey = Number.NaN;
  return (lengths: Lengths, type: ResultType): Template => {
    // One map for both types costs nothing where all clients speak the newer protocol.
    const key = (lengths.cursor * maxIdLength + lengths.id) * (type === 'next' ? 1 : -1);
    if (key === lastKey && last) return last;
    const template = templates.get(key) ?? create(lengths, type);
    templates.set(key, template);
    last = template;
    lastKey = key;
    return template;
  };
}

function fillIds({ bytes, idOffsets }: Template, idJson: string, idLength: number): Buffer {
  const encoding = idLength === idJson.length ? 'latin1' : 'utf8';
  const frames = Buffer.allocUnsafe(bytes.length);
  bytes.copy(frames);
  for (const offset of idOffsets) frames.write(idJson, offset, encoding);
  return frames;
}

/** Returns the parts of a payload between the places of the cursor. */
function splitAtPlaceholders(payload: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = payload.indexOf(placeholderBytes); at >= 0; at = payload.indexOf(placeholderBytes, from)) {
    parts.push(payload.subarray(from, at));
    from = at + placeholderBytes.length;
  }
  return [...parts, payload.subarray(from)];
}

/** @param payloads the parts of each payload between the places of the cursor */
function createTemplate(payloads: readonly (readonly Buffer[])[], length: Lengths, type: ResultType): Template {
  const infix = infixes[type];
  const envelopeLength = prefix.length + length.id + infix.length + suffix.length;
  const lengths = payloads.map((parts) => envelopeLength + totalBytes(parts) + (parts.length - 1) * length.cursor);
  const bytes = Buffer.alloc(lengths.reduce((sum, one) => sum + headerLength(one) + one, 0));
  const idOffsets: number[] = [];
  const cursorOffsets: number[] = [];
  let offset = 0;
  for (const [n, parts] of payloads.entries()) {
    offset = writeHeader(bytes, offset, lengths[n] ?? 0);
    offset += bytes.write(prefix, offset, 'latin1');
    idOffsets.push(offset);
    offset += length.id;
    offset += infix.copy(bytes, offset);
    for (const [part, text] of parts.entries()) {
      if (part > 0) {
        cursorOffsets.push(offset);
        offset += length.cursor;
      }
      offset += text.copy(bytes, offset);
    }
    offset += bytes.write(suffix, offset, 'latin1');
  }
  return { bytes, idOffsets, cursorOffsets };
}
