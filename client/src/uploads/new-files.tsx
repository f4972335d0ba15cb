import { IconButton } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { texts } from '../ui/texts.ts';
import type { NewFile } from './use-uploads.ts';

interface NewFilesProps {
  files: readonly NewFile[];
  /** How many are too many. */
  leftOut: number;
  remove: (key: string) => void;
}

/** The files that go with the next message. */
export function NewFiles({ files, leftOut, remove }: NewFilesProps) {
  if (files.length === 0) return null;
  return (
    <>
      <ul className="new-files" aria-label={texts.files.attached}>
        {files.map((file) => (
          <li key={file.key} className="new-file" data-failed={file.problem !== null || undefined}>
            <Icon name={file.problem ? 'alert' : file.id ? 'check' : 'clock'} />
            <p>
              <strong>{file.name}</strong>
              <span role="status">{file.problem ?? (file.id ? texts.files.ready : texts.files.storing)}</span>
            </p>
            <IconButton icon="close" label={texts.files.remove(file.name)} onClick={() => remove(file.key)} />
          </li>
        ))}
      </ul>
      <p className="new-files-note" role="status">
        {leftOut > 0 && texts.files.leftOut(leftOut, files.length)}
      </p>
    </>
  );
}
