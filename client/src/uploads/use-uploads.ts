import { useEffect, useRef, useState } from 'react';
import { UploadFileDocument } from '../gql/graphql.ts';
import { useWorkspace } from '../parley-context.tsx';
import { texts } from '../ui/texts.ts';
import { createClientId } from '../urql/client-id.ts';
import { failureOf } from '../urql/errors.ts';

/** A file that is to go with the next message. */
export interface NewFile {
  key: string;
  name: string;
  /** Once it is stored. */
  id: string | null;
  /** Why it is not. */
  problem: string | null;
}

/** What the server takes. */
export interface FileLimits {
  bytes: number;
  files: number;
}

/** Files that go with the next message of a channel: each is stored as soon as it is chosen. */
export function useUploads(channelId: string, limits: FileLimits) {
  const { client } = useWorkspace();
  const [files, setFiles] = useState<readonly NewFile[]>([]);
  const [leftOut, setLeftOut] = useState(0);
  const running = useRef(new Map<string, AbortController>());

  useEffect(() => {
    const { current } = running;
    return () => {
      for (const upload of current.values()) upload.abort();
    };
  }, []);

  function settle(key: string, end: Partial<NewFile>): void {
    setFiles((present) => present.map((file) => (file.key === key ? { ...file, ...end } : file)));
  }

  async function store(key: string, file: File): Promise<void> {
    const controller = new AbortController();
    running.current.set(key, controller);
    const context = { fetch: stoppable(controller.signal) };
    const { data, error } = await client.mutation(UploadFileDocument, { file, channelId }, context).toPromise();
    running.current.delete(key);
    if (data?.upload) return settle(key, { id: data.upload.id });
    settle(key, { problem: texts.files.failure(failureOf(error) ?? { code: 'OTHER' }) });
  }

  function remove(key: string): void {
    running.current.get(key)?.abort();
    setFiles((present) => present.filter((file) => file.key !== key));
    setLeftOut(0);
  }

  return {
    files,
    /** How many of those that were chosen last are too many. */
    leftOut,
    /** All of them are stored. */
    areReady: files.every(({ id }) => id !== null),
    add(chosen: readonly File[]): void {
      const room = chosen.slice(0, Math.max(0, limits.files - files.length));
      setLeftOut(chosen.length - room.length);
      const added = room.map((file) => {
        const problem = file.size > limits.bytes ? texts.files.tooLarge(limits.bytes) : null;
        return { file, entry: { key: createClientId(), name: file.name, id: null, problem } };
      });
      setFiles((present) => [...present, ...added.map(({ entry }) => entry)]);
      for (const { file, entry } of added) if (entry.problem === null) void store(entry.key, file);
    },
    /** Without one, whose upload ends where it is. */
    remove,
    clear() {
      setFiles([]);
      setLeftOut(0);
    },
  };
}

/** urql never ends a mutation by itself. */
function stoppable(signal: AbortSignal): typeof fetch {
  return (input, init) => fetch(input, { ...init, signal });
}
