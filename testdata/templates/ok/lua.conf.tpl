server {
    listen {{port}};
    location /ws {
        access_by_lua_block {
            local t = {{1, 2}, {"{{"}}
            local s = "}"
        }
        proxy_pass http://app;
        proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection "upgrade";
    }
}
