import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react';
import { Icon, type IconName } from './icon.tsx';

/** Props of `Button`. */
export interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'className' | 'type'> {
  /** `primary`: the main action; use it once per screen. */
  variant?: 'primary' | 'plain' | 'quiet' | 'link';
  icon?: IconName;
  isWide?: boolean;
  /** The action is running: the button cannot be pressed again and keeps its width. */
  isBusy?: boolean;
  type?: 'button' | 'submit';
  children: ReactNode;
  ref?: Ref<HTMLButtonElement>;
}

/** A button with a text. */
export function Button({
  variant = 'plain',
  icon,
  isWide,
  isBusy = false,
  type = 'button',
  children,
  ...rest
}: ButtonProps) {
  return (
    <button
      {...rest}
      type={type}
      className={`button button-${variant}${isWide ? ' button-wide' : ''}`}
      aria-disabled={isBusy || undefined}
      onClick={isBusy ? (event) => event.preventDefault() : rest.onClick}
    >
      {icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

interface IconButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'className' | 'type'> {
  icon: IconName;
  /** Describes the action, for screen readers and on hover. */
  label: string;
  variant?: 'quiet' | 'primary';
  type?: 'button' | 'submit';
  ref?: Ref<HTMLButtonElement>;
}

/** A button that shows only an icon. */
export function IconButton({ icon, label, variant = 'quiet', type = 'button', ...rest }: IconButtonProps) {
  return (
    <button {...rest} type={type} className={`icon-button icon-button-${variant}`} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}
