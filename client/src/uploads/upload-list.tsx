import { IconButton } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { texts } from '../ui/texts.ts';
import type { Upload } from './use-uploads.ts';

interface UploadListProps {
  uploads: readonly Upload[];
  /** Number of files that were left out because there were too many. */
  leftOut: number;
  remove: (key: string) => void;
}

/** The files that will be sent with the next message. */
export function UploadList({ uploads, leftOut, remove }: UploadListProps) {
  if (uploads.length === 0) return null;
  return (
    <>
      <ul className="upload-list" aria-label={texts.files.attached}>
        {uploads.map((upload) => (
          <li key={upload.key} className="upload" data-failed={upload.problem !== null || undefined}>
            <Icon name={upload.problem ? 'alert' : upload.id ? 'check' : 'clock'} />
            <p>
              <strong>{upload.name}</strong>
              <span role="status">{upload.problem ?? (upload.id ? texts.files.ready : texts.files.uploading)}</span>
            </p>
            <IconButton icon="close" label={texts.files.remove(upload.name)} onClick={() => remove(upload.key)} />
          </li>
        ))}
      </ul>
      <p className="upload-list-note" role="status">
        {leftOut > 0 && texts.files.leftOut(leftOut, uploads.length)}
      </p>
    </>
  );
}
