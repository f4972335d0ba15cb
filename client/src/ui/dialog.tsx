import { type ReactNode, useEffect, useId, useRef } from 'react';
import { Button } from './button.tsx';
import { texts } from './texts.ts';

interface ConfirmProps {
  title: string;
  note: string;
  /** The words on the button that goes ahead. */
  action: string;
  /** On the other one. */
  dismiss?: string;
  onConfirm: () => void;
  onClose: () => void;
  children?: ReactNode;
}

/** Asks before something that cannot be undone. Escape and the backdrop dismiss it; focus goes back where it was. */
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
          <Button look="primary" onClick={onConfirm}>
            {action}
          </Button>
        </div>
      </div>
    </dialog>
  );
}
