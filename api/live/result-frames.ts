import { randomBytes } from 'node:crypto';
import { headerLength, totalBytes, writeHeader } from './frames.ts';
import {
  isHidden,
  isQuote,
  knownValues,
  type Payload,
  type QuoteMark,
  type ViewerMark,
  type ViewerTarget,
  type ViewerValues,
} from './viewer-marks.ts';

/**
 * Type of the messages that carry results: `next` in graphql-transport-ws, `data` in the older graphql-ws; `event` stands for
 * server-sent events, which have no frames.
 */
export type ResultType = 'next' | 'data' | 'event';

/** The subscription that a frame is for. */
export interface FrameTarget extends ViewerTarget {
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
 * @param payloads one for each message
 * @param values of their marks, for the viewers that get them; only needed for marks with keys
 */
export type CreateFrameEncoder = (payloads: readonly Payload[], values?: ViewerValues) => EncodeFrames;

/** Frames without operation ids and cursors, with room for ones of one length. */
interface Template {
  bytes: Buffer;
  /** Offset of each id, in bytes. */
  idOffsets: number[];
  /** Offset of each cursor, in bytes. */
  cursorOffsets: number[];
  /** Values that depend on the viewer, with their offsets in bytes. */
  marks: ViewerMark[];
}

/** A payload that is cut at the places of the cursor. */
interface Parts {
  parts: readonly Buffer[];
  marks: readonly ViewerMark[];
}

/** Lengths of the parts that a template has room for. */
interface Lengths {
  id: number;
  cursor: number;
}

/** Text of a message around its id and its payload. */
interface Envelope {
  prefix: string;
  infix: Buffer;
  suffix: string;
  /** Distinguishes the templates of the types: 0 to 2. */
  order: number;
}

const framed = { prefix: '{"id":', suffix: '}' };
const envelopes: Readonly<Record<ResultType, Envelope>> = {
  next: { ...framed, infix: Buffer.from(',"type":"next","payload":'), order: 0 },
  data: { ...framed, infix: Buffer.from(',"type":"data","payload":'), order: 1 },
  event: { prefix: 'event: next\ndata: {"id":', infix: Buffer.from(',"payload":'), suffix: '}\n\n', order: 2 },
};

/** Text that stands for a subscription's cursor in shared payloads. Nobody can guess it, so no other text contains it. */
export const cursorPlaceholder = `cursor:${randomBytes(16).toString('base64url')}`;
const placeholderBytes = Buffer.from(cursorPlaceholder);
/** Bound above the lengths of ids, so that one number names a pair of lengths. */
const maxIdLength = 65_536;

/**
 * Returns an encoder for payloads that many subscriptions get. The frames are built once for each type of message and length of
 * an operation's id; each call copies them and fills in the id, and the values that depend on the viewer.
 */
export const createFrameEncoder: CreateFrameEncoder = (payloads, values = knownValues) => {
  const parts = payloads.map((payload) => ({ parts: [payload], marks: payload.marks ?? [] }));
  const templates = createTemplates((lengths, type) => createTemplate(parts, lengths, type));
  return (target) => {
    const { idJson, resultType } = target;
    const idLength = Buffer.byteLength(idJson);
    const template = templates({ id: idLength, cursor: 0 }, resultType);
    return fillValues(fillIds(template, idJson, idLength), template, target, values);
  };
};

/**
 * Returns an encoder like that of `createFrameEncoder`, which also replaces `cursorPlaceholder`, wherever it stands in a payload,
 * by the target's cursor.
 */
export const createCursorFrameEncoder: CreateFrameEncoder = (payloads, values = knownValues) => {
  const parts = payloads.map((payload) => ({ parts: splitAtPlaceholders(payload), marks: payload.marks ?? [] }));
  const templates = createTemplates((lengths, type) => createTemplate(parts, lengths, type));
  return (target) => {
    const { idJson, resultType, cursor } = target;
    const text = cursor?.text() ?? '';
    const idLength = Buffer.byteLength(idJson);
    const template = templates({ id: idLength, cursor: text.length }, resultType);
    const frames = fillIds(template, idJson, idLength);
    for (const offset of template.cursorOffsets) frames.write(text, offset, 'latin1');
    return fillValues(frames, template, target, values);
  };
};

/** Returns a function that creates each template once. Nearly all targets take the same one as the target before. */
function createTemplates(create: (lengths: Lengths, type: ResultType) => Template) {
  const templates = new Map<number, Template>();
  let last: Template | undefined;
  let lastKey = Number.NaN;
  return (lengths: Lengths, type: ResultType): Template => {
    // One map for all types costs nothing where all clients speak one protocol.
    const key = (lengths.cursor * maxIdLength + lengths.id) * 3 + envelopes[type].order;
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

/**
 * The template has `false` for each value, and each quoted message. JSON may have spaces after a value, so that those in their place have
 * the same length.
 */
function fillValues(frames: Buffer, { marks }: Template, target: FrameTarget, values: ViewerValues): Buffer {
  for (const mark of marks) {
    if (isQuote(mark)) {
      if (isHidden(mark, target)) hide(frames, mark);
    } else if (values.isTrue(mark, target)) frames.write('true ', mark.offset, 'latin1');
  }
  return frames;
}

function hide(frames: Buffer, { offset, length }: QuoteMark): void {
  frames.fill(' ', offset, offset + length);
  frames.write('null', offset, 'latin1');
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

function createTemplate(payloads: readonly Parts[], length: Lengths, type: ResultType): Template {
  const { prefix, infix, suffix } = envelopes[type];
  const isFramed = type !== 'event';
  const envelopeLength = prefix.length + length.id + infix.length + suffix.length;
  const lengths = payloads.map(({ parts }) => envelopeLength + totalBytes(parts) + (parts.length - 1) * length.cursor);
  const bytes = Buffer.alloc(lengths.reduce((sum, one) => sum + (isFramed ? headerLength(one) : 0) + one, 0));
  const idOffsets: number[] = [];
  const cursorOffsets: number[] = [];
  const placed: ViewerMark[] = [];
  let offset = 0;
  for (const [n, { parts, marks }] of payloads.entries()) {
    if (isFramed) offset = writeHeader(bytes, offset, lengths[n] ?? 0);
    offset += bytes.write(prefix, offset, 'latin1');
    idOffsets.push(offset);
    offset += length.id;
    offset += infix.copy(bytes, offset);
    for (const [part, text] of parts.entries()) {
      if (part > 0) {
        cursorOffsets.push(offset);
        offset += length.cursor;
      }
      placed.push(...moved(marks, text, text.byteOffset - (parts[0] ?? text).byteOffset, offset));
      offset += text.copy(bytes, offset);
    }
    offset += bytes.write(suffix, offset, 'latin1');
  }
  return { bytes, idOffsets, cursorOffsets, marks: placed };
}

/**
 * Returns the marks of a part of a payload with their offsets in a template.
 * @param from offset of the part in the payload
 * @param to offset of the part in the template
 */
function moved(marks: readonly ViewerMark[], { length }: Buffer, from: number, to: number): ViewerMark[] {
  const own = marks.filter(({ offset }) => offset >= from && offset < from + length);
  return own.map((mark) => ({ ...mark, offset: mark.offset - from + to }));
}
