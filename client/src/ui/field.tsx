import { type InputHTMLAttributes, type ReactNode, type Ref, useId } from 'react';

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'className' | 'id'> {
  label: string;
  /** Shown next to the label, for example "optional". */
  note?: string;
  hint?: string;
  /** Why the input is invalid; replaces the hint. */
  problem?: string | null;
  /** A button at the end of the field. */
  action?: ReactNode;
  ref?: Ref<HTMLInputElement>;
}

/** An input with a label. The line below it is always present, so that a problem does not shift the layout. */
export function Field({ label, note, hint, problem, action, ...input }: FieldProps) {
  const id = useId();
  return (
    <div className="field">
      <label className="field-label" htmlFor={id}>
        {label}
        {note && <span className="field-note">{note}</span>}
      </label>
      <div className="field-box">
        <input
          {...input}
          id={id}
          className="field-input"
          aria-invalid={problem ? true : undefined}
          aria-describedby={`${id}-hint`}
        />
        {action}
      </div>
      <p className="field-hint" id={`${id}-hint`} role={problem ? 'alert' : undefined}>
        {problem ?? hint}
      </p>
    </div>
  );
}
