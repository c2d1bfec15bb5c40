// Package live is who is connected to this node: sessions, what they follow,
// what they are told, and the healing that makes it right when nobody told.
//
// # How nothing is missed and nothing doubled
//
// A session follows a conversation from a position. It subscribes first and
// reads afterwards: the page of hello (for a visitor) or of "conversation" (for
// an agent) ends at a head, and live events begin behind that head. A client
// whose page says "more" asks for the pages in between; they end where the live
// events began. What was committed between subscribing and sending the page is
// read from the store and sent as a page without a request's number.
//
// Each follower keeps the position of the last event it was sent. An event is
// sent only if its number is the next one; a lower one is a repeat, a higher one
// shows a gap, which is read from the store.
//
// # Locks
//
// In this order: room, visitor, then any one of the leaves (Hub's maps, a site,
// an agent, the fill queue). Sending never blocks, so it happens under locks;
// the database is never read under one.
package live
