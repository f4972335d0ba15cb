import {
  type ClipboardEvent,
  type FormEvent,
  type KeyboardEvent,
  type ReactNode,
  type RefObject,
  useLayoutEffect,
  useRef,
} from 'react';
import { IconButton } from '../ui/button.tsx';
import { Icon } from '../ui/icon.tsx';
import { texts } from '../ui/texts.ts';

/** What the composer is being used for beside writing something new. */
interface ComposerContext {
  kind: 'reply' | 'edit';
  /** Whose message, or that it is one's own. */
  title: string;
  text: string;
}

interface ComposerProps {
  input: RefObject<HTMLTextAreaElement | null>;
  label: string;
  text: string;
  context: ComposerContext | null;
  /** Under the field: what is wrong, or how much fits. */
  note: string | null;
  canSend: boolean;
  /** Above the field: what goes with the message. */
  files: ReactNode;
  onAttach: (files: readonly File[]) => void;
  onChange: (text: string) => void;
  onSubmit: () => void;
  /** Up was pressed in an empty field. */
  onEditLast: () => void;
  /** Leaves the reply or the edit. */
  onCancel: () => void;
}

const MAX_LINES = 6;

/** With a finger, Enter breaks the line: the button is where the thumb is. */
const isTouch = window.matchMedia('(pointer: coarse)');

/** Where one writes. */
export function Composer(props: ComposerProps) {
  const { input, label, text, context, note, canSend, files, onAttach, onChange, onSubmit, onEditLast, onCancel } =
    props;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the text is what changes the height
  useLayoutEffect(() => {
    if (input.current) grow(input.current);
  }, [text, input]);

  const chooser = useRef<HTMLInputElement>(null);

  function choose(from: HTMLInputElement) {
    onAttach([...(from.files ?? [])]);
    from.value = '';
    input.current?.focus();
  }

  function onPaste(event: ClipboardEvent) {
    const pasted = [...event.clipboardData.files];
    if (pasted.length === 0) return;
    event.preventDefault();
    onAttach(pasted);
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    if (canSend) onSubmit();
    input.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Escape' && context) {
      event.preventDefault();
      onCancel();
    }
    if (event.key === 'ArrowUp' && text === '') {
      event.preventDefault();
      onEditLast();
    }
    if (event.key === 'Enter' && !event.shiftKey && !isTouch.matches) {
      event.preventDefault();
      if (canSend) onSubmit();
    }
  }

  return (
    <form className="composer" onSubmit={submit}>
      {context && (
        <div className="composer-context">
          <Icon name={context.kind === 'edit' ? 'pencil' : 'reply'} />
          <p>
            <strong>{context.title}</strong>
            <span>{context.text}</span>
          </p>
          <IconButton icon="close" label={texts.cancel} onClick={onCancel} />
        </div>
      )}
      {files}
      <div className="composer-box">
        <IconButton icon="clip" label={texts.files.attach} onClick={() => chooser.current?.click()} />
        <input
          ref={chooser}
          type="file"
          multiple
          hidden
          aria-label={texts.files.attach}
          onChange={(event) => choose(event.target)}
        />
        <textarea
          ref={input}
          rows={1}
          className="composer-input"
          aria-label={label}
          placeholder={texts.messages.placeholder}
          value={text}
          enterKeyHint={isTouch.matches ? 'enter' : 'send'}
          onChange={(event) => onChange(event.target.value)}
          onKeyDown={onKeyDown}
          onPaste={onPaste}
        />
        <IconButton
          icon={context?.kind === 'edit' ? 'check' : 'send'}
          look="primary"
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

function grow(input: HTMLTextAreaElement): void {
  input.style.height = 'auto';
  const { lineHeight, paddingTop, paddingBottom } = getComputedStyle(input);
  const most =
    Number.parseFloat(lineHeight) * MAX_LINES + Number.parseFloat(paddingTop) + Number.parseFloat(paddingBottom);
  input.style.height = `${Math.min(input.scrollHeight, most)}px`;
}
