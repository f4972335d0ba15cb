import type { ButtonHTMLAttributes, ReactNode, Ref } from 'react';
import { Icon, type IconName } from './icon.tsx';

export interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'className' | 'type'> {
  /** `primary`: what can be done next, once a screen. */
  look?: 'primary' | 'plain' | 'quiet' | 'link';
  icon?: IconName;
  isWide?: boolean;
  /** Something is under way: it cannot be pressed again, and keeps its width. */
  isBusy?: boolean;
  type?: 'button' | 'submit';
  children: ReactNode;
  ref?: Ref<HTMLButtonElement>;
}

/** A button with words. */
export function Button({
  look = 'plain',
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
      className={`button button-${look}${isWide ? ' button-wide' : ''}`}
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
  /** What it does, for those who do not see the drawing and on hover. */
  label: string;
  look?: 'quiet' | 'primary';
  type?: 'button' | 'submit';
  ref?: Ref<HTMLButtonElement>;
}

/** A button with a drawing alone. */
export function IconButton({ icon, label, look = 'quiet', type = 'button', ...rest }: IconButtonProps) {
  return (
    <button {...rest} type={type} className={`icon-button icon-button-${look}`} aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}
