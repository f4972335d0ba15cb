import { useState } from 'react';
import type { AttachmentPartsFragment } from '../gql/graphql.ts';
import { Icon } from '../ui/icon.tsx';
import { texts } from '../ui/texts.ts';
import { useAttachmentUrls } from './use-attachment-urls.ts';

interface AttachmentsProps {
  messageId: string;
  attachments: readonly AttachmentPartsFragment[];
}

/** The files of a message: pictures are shown, other files are links. */
export function Attachments({ messageId, attachments }: AttachmentsProps) {
  const files = useAttachmentUrls(messageId, attachments);
  if (files.length === 0) return null;
  return (
    <ul className="attachments">
      {files.map((file) => (
        <li key={file.id}>{file.thumbnailUrl ? <Picture file={file} /> : <FileLink file={file} />}</li>
      ))}
    </ul>
  );
}

/**
 * A thumbnail that links to the picture. Width and height reserve its space, so that loading it does not shift the layout.
 * The URL from which it was loaded stays when URLs are renewed, so that it is not loaded again.
 */
function Picture({ file }: { file: AttachmentPartsFragment }) {
  const [loadedFrom, setLoadedFrom] = useState<string | null>(null);
  const source = loadedFrom ?? file.thumbnailUrl ?? undefined;
  return (
    <a className="picture" href={file.url} target="_blank" rel="noopener noreferrer">
      <img
        src={source}
        onLoad={() => setLoadedFrom(source ?? null)}
        alt={file.filename}
        width={file.width ?? undefined}
        height={file.height ?? undefined}
        loading="lazy"
      />
    </a>
  );
}

function FileLink({ file }: { file: AttachmentPartsFragment }) {
  return (
    <a className="file" href={file.url} target="_blank" rel="noopener noreferrer">
      <Icon name="file" />
      <span className="file-name">{file.filename}</span>
      <span className="file-size">{texts.files.size(file.byteSize)}</span>
    </a>
  );
}
