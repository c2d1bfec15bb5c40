package kefu

import (
	"context"
	"iter"
)

// pages goes through a list page by page. page answers what is behind a cursor ("": from
// the beginning), and the cursor of the next page, "" on the last one. An error ends it.
func pages[T any](cursor string, page func(cursor string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for at := cursor; ; {
			all, next, err := page(at)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, one := range all {
				if !yield(one, nil) {
					return
				}
			}
			if next == "" || next == at {
				return
			}
			at = next
		}
	}
}

// Conversations are all conversations of a site that match, page by page as they are read.
func (c *Client) Conversations(ctx context.Context, site string, which ListConversationsParams) iter.Seq2[Conversation, error] {
	return pages(which.Cursor, func(cursor string) ([]Conversation, string, error) {
		which.Cursor = cursor
		page, err := c.ListConversations(ctx, site, which)
		if err != nil {
			return nil, "", err
		}
		return page.Conversations, page.Next, nil
	})
}

// Events are all events of a conversation that there are now, in the order that is asked
// for. The position of the last one is the cursor for what comes later.
func (c *Client) Events(ctx context.Context, site, conversation string, which ListEventsParams) iter.Seq2[Event, error] {
	return pages(which.Cursor, func(cursor string) ([]Event, string, error) {
		which.Cursor = cursor
		page, err := c.ListEvents(ctx, site, conversation, which)
		if err != nil {
			return nil, "", err
		}
		if !page.More { // next is there all the same, for what comes later
			return page.Events, "", nil
		}
		return page.Events, page.Next, nil
	})
}

// Rounds are all rounds of a conversation.
func (c *Client) Rounds(ctx context.Context, site, conversation string) iter.Seq2[PastRound, error] {
	return pages("", func(cursor string) ([]PastRound, string, error) {
		page, err := c.ListRounds(ctx, site, conversation, ListRoundsParams{Cursor: cursor})
		if err != nil {
			return nil, "", err
		}
		return page.Rounds, page.Next, nil
	})
}

// Visitors are all visitors of a site who match.
func (c *Client) Visitors(ctx context.Context, site string, which ListVisitorsParams) iter.Seq2[Visitor, error] {
	return pages(which.Cursor, func(cursor string) ([]Visitor, string, error) {
		which.Cursor = cursor
		page, err := c.ListVisitors(ctx, site, which)
		if err != nil {
			return nil, "", err
		}
		return page.Visitors, page.Next, nil
	})
}
