import { useState } from 'react';
import { Icon } from './icon.tsx';

interface AvatarProps {
  user: { name: string; avatarUrl?: string };
  size?: 'small' | 'medium' | 'large';
  isOnline?: boolean;
}

/** A user's picture, or the first letter of the name if it does not load. Hidden from screen readers: the name is next to it. */
export function Avatar({ user, size = 'medium', isOnline = false }: AvatarProps) {
  const [brokenUrl, setBrokenUrl] = useState<string | null>(null);
  const isShown = user.avatarUrl !== undefined && brokenUrl !== user.avatarUrl;
  return (
    <span className={`avatar avatar-${size}`} data-online={isOnline || undefined} aria-hidden="true">
      {isShown ? (
        <img src={user.avatarUrl} alt="" draggable="false" onError={() => setBrokenUrl(user.avatarUrl ?? null)} />
      ) : (
        <span>{Array.from(user.name.trim())[0]?.toUpperCase()}</span>
      )}
    </span>
  );
}

/** The picture of a room. */
export function RoomAvatar({ size = 'medium' }: { size?: 'small' | 'medium' | 'large' }) {
  return (
    <span className={`avatar avatar-room avatar-${size}`} aria-hidden="true">
      <Icon name="room" />
    </span>
  );
}
