import { type InputHTMLAttributes, type ReactNode, useEffect, useId, useRef } from 'react';

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'className' | 'id'> {
  label: string;
  /** Shown next to the label, for example "optional". */
  note?: string;
  hint?: string;
  /** Why the input is invalid; replaces the hint. */
  problem?: string | null;
  /** A button at the end of the field. */
  action?: ReactNode;
}

/**
 * An input with a label. The line below it is always present, so that a problem does not shift the layout. A problem moves the focus
 * to its field, to the first one if there are several.
 */
export function Field({ label, note, hint, problem, action, ...input }: FieldProps) {
  const id = useId();
  const box = useRef<HTMLInputElement>(null);
  const isInvalid = Boolean(problem);

  useEffect(() => {
    if (isInvalid && !document.activeElement?.matches('[aria-invalid]')) box.current?.focus();
  }, [isInvalid]);

  return (
    <div className="field">
      <label className="field-label" htmlFor={id}>
        {label}
        {note && <span className="field-note">{note}</span>}
      </label>
      <div className="field-box">
        <input
          {...input}
          ref={box}
          id={id}
          className="field-input"
          aria-invalid={isInvalid || undefined}
          aria-describedby={`${id}-hint`}
        />
        {action}
      </div>
      <p className="field-hint" id={`${id}-hint`} role={isInvalid ? 'alert' : undefined}>
        {problem ?? hint}
      </p>
    </div>
  );
}
