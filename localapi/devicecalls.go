package localapi

import (
	"context"

	"github.com/latchkey/latchkey/core"
)

// InviteDevice gives an invitation for a phone, once. Trusted: it is handed over in person.
func (c *Client) InviteDevice(ctx context.Context, name string, trusted bool) (invitation Invitation, err error) {
	path := "/v1/device/invite"
	if trusted {
		path += "/trusted"
	}
	return invitation, c.post(ctx, path, nameRequest{name}, &invitation)
}

// Devices lists a user's devices.
func (c *Client) Devices(ctx context.Context, name string) (devices []core.DeviceInfo, err error) {
	return devices, c.get(ctx, "/v1/devices", named(name), &devices)
}

// ConfirmDevice activates the new device that shows this check code.
func (c *Client) ConfirmDevice(ctx context.Context, name, code string) (device core.DeviceInfo, err error) {
	return device, c.post(ctx, "/v1/device/confirm", confirmRequest{name, code}, &device)
}

// UnlockDevice ends a device's lock. The device is named by its id or its name.
func (c *Client) UnlockDevice(ctx context.Context, name, device string) error {
	return c.post(ctx, "/v1/device/unlock", deviceRequest{name, device}, nil)
}

// RevokeDevice takes a device away for good.
func (c *Client) RevokeDevice(ctx context.Context, name, device string) error {
	return c.post(ctx, "/v1/device/revoke", deviceRequest{name, device}, nil)
}
