import type { AttachmentPartsFragment } from '../gql/graphql.ts';
import { Icon } from '../ui/icon.tsx';
import { texts } from '../ui/texts.ts';
import { useFreshFiles } from './use-fresh-files.ts';

interface AttachmentsProps {
  messageId: string;
  /** As the message came with them. */
  given: readonly AttachmentPartsFragment[];
}

/** The files of a message: pictures are shown, the others offered. */
export function Attachments({ messageId, given }: AttachmentsProps) {
  const files = useFreshFiles(messageId, given);
  if (files.length === 0) return null;
  return (
    <ul className="attachments">
      {files.map((file) => (
        <li key={file.id}>{file.thumbnailUrl ? <Picture file={file} /> : <FileLink file={file} />}</li>
      ))}
    </ul>
  );
}

/** Its place is kept while it loads, so that nothing moves. */
function Picture({ file }: { file: AttachmentPartsFragment }) {
  return (
    <a className="picture" href={file.url} target="_blank" rel="noopener noreferrer">
      <img
        src={file.thumbnailUrl ?? undefined}
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
