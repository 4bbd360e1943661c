SELECT COALESCE(((":p:0") = 'impression'), FALSE) AS ":ours"
FROM messages
