import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { BadUserInputError, UnavailableError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { readFrames, writeFrame } from './picture-frames.js';
import { maxAvifPixels, maxFrames, maxPixels } from './picture-limits.js';

/** A picture that is ready to be stored. */
export interface ProcessedPicture {
  /** The picture without metadata such as place, time and camera. */
  body: Buffer;
  /** Thumbnail in WebP, at most 640 pixels wide and high. */
  thumbnail: Buffer;
  /** Displayed width in pixels. */
  width: number;
  /** Displayed height in pixels. */
  height: number;
}

/** Facts that the header of a picture tells, before the picture is decoded. */
export interface PictureHeader {
  /** Number of pixels in all frames. */
  pixels: number;
  isAvif: boolean;
}

/** A started process. */
interface Running {
  child: ChildProcessByStdio<Writable, Readable, Readable>;
  next(): Promise<Buffer>;
  /** Rejects the work of the moment. */
  fail(error: Error): void;
}

const program = fileURLToPath(new URL('./picture-program.js', import.meta.url));

/** Milliseconds after which a process without work is ended, because libvips keeps its memory. */
const idleMs = 60_000;
/** Maximum length of the output that is logged when a process ends by itself. */
const maxOutput = 2_000;

/**
 * Creates a process that decodes pictures apart from the server: it can be killed at a deadline, which libvips has no
 * means for in all formats, and takes no memory of the server with it when a picture makes it crash. It starts with the first
 * picture, and again after it has ended. It has an empty environment and no open files but its pipes.
 * @param options.timeoutMs milliseconds that one picture may take
 */
export function createPictureProcess(options: { timeoutMs: number; logger: Logger }) {
  const { timeoutMs, logger } = options;
  let running: Running | null = null;
  let idle: NodeJS.Timeout | undefined;
  let isStopped = false;

  return {
    /**
     * Strips a picture of metadata and makes its thumbnail. One picture at a time.
     * @param bytes the whole file
     * @param admit called with the facts of the header before the picture is decoded; its error drops the picture
     * @throws BadUserInputError for a picture that is broken, has too many pixels or takes too long; UnavailableError when
     * the process cannot start or ends meanwhile, and after `stop`
     */
    async process(bytes: Buffer, admit: (header: PictureHeader) => Promise<void>): Promise<ProcessedPicture> {
      if (isStopped) throw ended();
      clearTimeout(idle);
      const used = running ?? start();
      const timer = setTimeout(() => end(used, slowPicture(timeoutMs)), timeoutMs);
      try {
        return await new Promise((resolve, reject) => {
          used.fail = reject;
          exchange(used, bytes, admit).then(resolve, reject);
        });
      } finally {
        clearTimeout(timer);
        used.fail = () => {};
        idle = setTimeout(() => end(used, ended()), idleMs).unref();
      }
    },

    /** Ends the process. The picture that it processes fails with UnavailableError. */
    stop(): void {
      isStopped = true;
      clearTimeout(idle);
      if (running) end(running, ended());
    },
  };

  function start(): Running {
    let started: Running | null = null;
    let output = '';
    const child = spawnProgram((error) => lose({ error }));
    child.stderr.on('data', (chunk) => {
      output = (output + chunk).slice(0, maxOutput);
    });
    // Its end is noticed below.
    for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => child.kill('SIGKILL'));
    child.once('exit', (code, signal) => lose({ code, signal, output }));
    started = { child, next: readFrames(child.stdout), fail: () => {} };
    running = started;
    return started;

    function lose(reason: object): void {
      if (running !== started) return;
      running = null;
      logger.warn(reason, 'a picture process could not start, or ended by itself');
      started?.fail(ended());
    }
  }

  function end(ending: Running, error: Error): void {
    if (running === ending) running = null;
    ending.child.kill('SIGKILL');
    ending.fail(error);
  }
}

export type PictureProcess = ReturnType<typeof createPictureProcess>;

/**
 * Starts the program.
 * @param onError called when the process cannot start, now or after the return
 * @throws UnavailableError when that is known at once, as with too many open files or too little memory
 */
function spawnProgram(onError: (error: unknown) => void): Running['child'] {
  try {
    const child = spawn(process.execPath, [program], { env: {}, stdio: ['pipe', 'pipe', 'pipe'] });
    // Before anything that can throw: an `error` event without a listener would end the server.
    child.once('error', onError);
    // With too many open files, `spawn` returns a child without pipes and emits `error` later.
    if ([child.stdin, child.stdout, child.stderr].every(Boolean)) return child;
  } catch (error) {
    onError(error);
  }
  throw ended();
}

async function exchange(
  { child, next }: Running,
  bytes: Buffer,
  admit: (header: PictureHeader) => Promise<void>,
): Promise<ProcessedPicture> {
  writeFrame(child.stdin, bytes);
  const header: PictureHeader = await readFacts(next);
  try {
    await admit(header);
  } catch (error) {
    writeFrame(child.stdin, '');
    throw error;
  }
  writeFrame(child.stdin, 'go on');
  const size: Pick<ProcessedPicture, 'width' | 'height'> = await readFacts(next);
  return { body: await next(), thumbnail: await next(), ...size };
}

async function readFacts<Facts>(next: () => Promise<Buffer>): Promise<Facts> {
  const facts = JSON.parse(String(await next())) as Facts | { isBroken: true };
  if (typeof facts === 'object' && facts !== null && 'isBroken' in facts) throw brokenPicture();
  return facts as Facts;
}

function brokenPicture(): BadUserInputError {
  const message = `must be a complete picture of at most ${maxPixels} pixels (AVIF: ${maxAvifPixels}) and ${maxFrames} frames`;
  return new BadUserInputError([{ path: 'file', message }]);
}

function slowPicture(timeoutMs: number): BadUserInputError {
  const message = `takes more than ${timeoutMs} ms to process; send a smaller picture, or another format`;
  return new BadUserInputError([{ path: 'file', message }]);
}

const ended = () => new UnavailableError('The picture could not be processed right now. Try again.');
