import { type InputHTMLAttributes, type ReactNode, type Ref, useId } from 'react';

interface FieldProps extends Omit<InputHTMLAttributes<HTMLInputElement>, 'className' | 'id'> {
  label: string;
  /** Beside the label: "optional". */
  note?: string;
  hint?: string;
  /** What is wrong with it; replaces the hint. */
  problem?: string | null;
  /** A button inside the field, at its end. */
  action?: ReactNode;
  ref?: Ref<HTMLInputElement>;
}

/** A labelled input. The line below it is always there, so that a problem moves nothing. */
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
