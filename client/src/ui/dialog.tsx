import { type ReactNode, useEffect, useId, useRef } from 'react';
import { Button } from './button.tsx';
import { texts } from './texts.ts';

interface ConfirmProps {
  title: string;
  note: string;
  /** Text of the button that confirms. */
  action: string;
  /** Text of the button that cancels. */
  dismiss?: string;
  onConfirm: () => void;
  onClose: () => void;
  children?: ReactNode;
}

/** A dialog that asks before an action that cannot be undone. Escape and the backdrop close it; the focus returns. */
export function Confirm({ title, note, action, dismiss = texts.cancel, onConfirm, onClose, children }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const opener = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus();
    };
  }, []);

  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby={`${id}-title`}
      aria-describedby={`${id}-note`}
      onClose={onClose}
      onPointerDown={(event) => event.target === dialog.current && dialog.current.close()}
    >
      <div className="dialog-body">
        <h2 id={`${id}-title`}>{title}</h2>
        <p id={`${id}-note`}>{note}</p>
        {children}
        <div className="dialog-actions">
          <Button onClick={() => dialog.current?.close()}>{dismiss}</Button>
          <Button variant="primary" onClick={onConfirm}>
            {action}
          </Button>
        </div>
      </div>
    </dialog>
  );
}
