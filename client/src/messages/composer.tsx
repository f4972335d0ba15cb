import {
  type ClipboardEvent,
  type FormEvent,
  type KeyboardEvent,
  type RefObject,
  useLayoutEffect,
  useRef,
} from 'react';
import { IconButton } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { texts } from '../ui/texts.ts';
import { UploadList } from '../uploads/upload-list.tsx';
import type { useUploads } from '../uploads/use-uploads.ts';
import type { ComposerContext, useComposer } from './use-composer.ts';

interface ComposerProps {
  input: RefObject<HTMLTextAreaElement | null>;
  label: string;
  composer: ReturnType<typeof useComposer>;
  uploads: ReturnType<typeof useUploads>;
}

const maxLines = 6;

/** On touch screens Enter inserts a line break, and only the button sends. */
const isTouch = window.matchMedia('(pointer: coarse)');

/** The form to write a message, a reply or an edit. */
export function Composer({ input, label, composer, uploads }: ComposerProps) {
  const { text, context, note, canSend } = composer;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the height depends on the text
  useLayoutEffect(() => {
    if (input.current) fitHeight(input.current);
  }, [text, input]);

  function attach(files: readonly File[]) {
    uploads.add(files);
    input.current?.focus();
  }

  function onPaste(event: ClipboardEvent) {
    const files = [...event.clipboardData.files];
    if (files.length === 0) return;
    event.preventDefault();
    uploads.add(files);
  }

  function onSubmit(event: FormEvent) {
    event.preventDefault();
    if (canSend) composer.submit();
    input.current?.focus();
  }

  return (
    <form className="composer" onSubmit={onSubmit}>
      {context && <ContextBanner context={context} onCancel={composer.cancel} />}
      <UploadList uploads={uploads.uploads} leftOut={uploads.leftOut} remove={uploads.remove} />
      <div className="composer-box">
        <AttachButton onAttach={attach} />
        <textarea
          ref={input}
          rows={1}
          className="composer-input"
          aria-label={label}
          placeholder={texts.messages.placeholder}
          value={text}
          enterKeyHint={isTouch.matches ? 'enter' : 'send'}
          onChange={(event) => composer.change(event.target.value)}
          onKeyDown={(event) => handleKey(event, composer)}
          onPaste={onPaste}
        />
        <IconButton
          icon={context?.kind === 'edit' ? 'check' : 'send'}
          variant="primary"
          type="submit"
          label={context?.kind === 'edit' ? texts.messages.save : texts.messages.send}
          aria-disabled={!canSend}
        />
      </div>
      <p className="composer-note" role="status">
        {note}
      </p>
    </form>
  );
}

function ContextBanner({ context, onCancel }: { context: ComposerContext; onCancel: () => void }) {
  return (
    <div className="composer-context">
      <Icon name={context.kind === 'edit' ? 'pencil' : 'reply'} />
      <p>
        <strong>{context.title}</strong>
        <span>{context.text}</span>
      </p>
      <IconButton icon="close" label={texts.cancel} onClick={onCancel} />
    </div>
  );
}

function AttachButton({ onAttach }: { onAttach: (files: readonly File[]) => void }) {
  const fileInput = useRef<HTMLInputElement>(null);

  function onChange({ target }: { target: HTMLInputElement }) {
    onAttach([...(target.files ?? [])]);
    // Cleared, so that choosing the same file again fires another event.
    target.value = '';
  }

  return (
    <>
      <IconButton icon="clip" label={texts.files.attach} onClick={() => fileInput.current?.click()} />
      <input ref={fileInput} type="file" multiple hidden aria-label={texts.files.attach} onChange={onChange} />
    </>
  );
}

/** Enter sends, Shift+Enter inserts a line break, Escape cancels a reply or edit, Up edits the viewer's last message. */
function handleKey(event: KeyboardEvent, composer: ComposerProps['composer']): void {
  if (event.nativeEvent.isComposing) return;
  if (event.key === 'Escape' && composer.context) {
    event.preventDefault();
    composer.cancel();
  }
  if (event.key === 'ArrowUp' && composer.text === '') {
    event.preventDefault();
    composer.editLast();
  }
  if (event.key === 'Enter' && !event.shiftKey && !isTouch.matches) {
    event.preventDefault();
    if (composer.canSend) composer.submit();
  }
}

function fitHeight(input: HTMLTextAreaElement): void {
  input.style.height = 'auto';
  const { lineHeight, paddingTop, paddingBottom } = getComputedStyle(input);
  const maxHeight =
    Number.parseFloat(lineHeight) * maxLines + Number.parseFloat(paddingTop) + Number.parseFloat(paddingBottom);
  input.style.height = `${Math.min(input.scrollHeight, maxHeight)}px`;
}
