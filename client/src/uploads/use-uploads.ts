import { useEffect, useRef, useState } from 'react';
import { useClient } from 'urql';
import { UploadFileDocument } from '../gql/graphql.ts';
import { texts } from '../ui/texts.ts';
import { createClientId } from '../urql/client-id.ts';
import { toFailure } from '../urql/errors.ts';

/** A file that will be sent with the next message. */
export interface Upload {
  key: string;
  name: string;
  /** Id of the uploaded file; null until the upload is complete. */
  id: string | null;
  /** Why the upload failed, as a text for the user; null otherwise. */
  problem: string | null;
}

/** The server's limits. */
export interface UploadLimits {
  /** Largest size of a file, in bytes. */
  bytes: number;
  /** Maximum number of files per message. */
  files: number;
}

/** Manages the files of a channel's next message. Each is uploaded as soon as it is added. */
export function useUploads(channelId: string, limits: UploadLimits) {
  const client = useClient();
  const [uploads, setUploads] = useState<readonly Upload[]>([]);
  const [leftOut, setLeftOut] = useState(0);
  const running = useRef(new Map<string, AbortController>());

  useEffect(() => {
    const { current } = running;
    return () => {
      for (const controller of current.values()) controller.abort();
    };
  }, []);

  function update(key: string, change: Partial<Upload>): void {
    setUploads((present) => present.map((upload) => (upload.key === key ? { ...upload, ...change } : upload)));
  }

  async function start(key: string, file: File): Promise<void> {
    const controller = new AbortController();
    running.current.set(key, controller);
    const context = { fetch: abortableFetch(controller.signal) };
    const { data, error } = await client.mutation(UploadFileDocument, { file, channelId }, context).toPromise();
    running.current.delete(key);
    if (data?.upload) return update(key, { id: data.upload.id });
    update(key, { problem: texts.files.failure(toFailure(error) ?? { code: 'OTHER' }) });
  }

  function remove(key: string): void {
    running.current.get(key)?.abort();
    setUploads((present) => present.filter((upload) => upload.key !== key));
    setLeftOut(0);
  }

  return {
    uploads,
    /** Number of files of the last `add` that were left out because there were too many. */
    leftOut,
    /** True if every upload is complete. */
    areComplete: uploads.every(({ id }) => id !== null),
    add(files: readonly File[]): void {
      const accepted = files.slice(0, Math.max(0, limits.files - uploads.length));
      setLeftOut(files.length - accepted.length);
      const added = accepted.map((file) => {
        const problem = file.size > limits.bytes ? texts.files.tooLarge(limits.bytes) : null;
        return { file, upload: { key: createClientId(), name: file.name, id: null, problem } };
      });
      setUploads((present) => [...present, ...added.map(({ upload }) => upload)]);
      for (const { file, upload } of added) if (upload.problem === null) void start(upload.key, file);
    },
    /** Removes a file and aborts its upload. */
    remove,
    clear() {
      setUploads([]);
      setLeftOut(0);
    },
  };
}

/** Returns a `fetch` that `signal` aborts: urql does not abort mutations. */
function abortableFetch(signal: AbortSignal): typeof fetch {
  return (input, init) => fetch(input, { ...init, signal });
}
